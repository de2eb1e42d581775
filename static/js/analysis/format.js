// Numbers as the pages write them: three decimals, a true minus, thin spaces between thousands.

const MINUS = "−";
const THIN = " ";

export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text.replace("-", MINUS));
}

export function signed(value, digits = 3) {
  const text = number(value, digits);
  if (text === "" || text.startsWith(MINUS) || Number(text) === 0) return text;
  return `+${text}`;
}

export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

export function percent(share) {
  return `${Math.round(100 * share)}${THIN}%`;
}

/** Fill "{low} to {high}" with the limits of an estimate. */
export function interval(estimate, pattern, digits = 2, write = number) {
  // Limits that coincide come from no variability at all: that is no interval.
  if (estimate.low === null || estimate.high === null || estimate.low === estimate.high) return "";
  return pattern.replace("{low}", write(estimate.low, digits)).replace("{high}", write(estimate.high, digits));
}

/** Fill the {names} of a pattern. */
export function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
