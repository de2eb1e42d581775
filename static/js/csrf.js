/** The token of the session as it is now, for the header X-CSRFToken: signing in again, in another tab, makes a new one. */
export function csrfToken() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}
