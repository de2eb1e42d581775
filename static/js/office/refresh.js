// Pages that show running work load themselves again until it has ended.

export function startRefresh() {
  const running = document.querySelector("[data-refresh]");
  if (running) setTimeout(() => location.reload(), 1000 * Number(running.dataset.refresh));
}
