/** Numbers, sizes and times as people read them, in their language. */

const formats = new Map<string, Intl.NumberFormat>();

function number(language: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${language} ${JSON.stringify(options)}`;
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(language, options)));
  return format;
}

/** 12,345 */
export function formatCount(value: number, language: string): string {
  return number(language, { maximumFractionDigits: 0 }).format(value);
}

/** 12.3, and 123 for large ones: as many digits as can be compared at a glance. */
export function formatRate(value: number, language: string): string {
  return number(language, { maximumFractionDigits: value < 100 ? 1 : 0 }).format(value);
}

const SIZE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** 1.5 GB; a kilobyte is 1,000 bytes, as browsers and disks count. */
export function formatBytes(bytes: number, language: string): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return number(language, { style: "unit", unit: SIZE_UNITS[unit] ?? "byte", unitDisplay: unit === 0 ? "long" : "short", maximumFractionDigits: unit === 0 || value >= 100 ? 0 : 1 }).format(value);
}

/** 350 ms, 2.4 s, 3 min */
export function formatDuration(ms: number, language: string): string {
  if (ms < 1000) return number(language, { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 0 }).format(ms);
  if (ms < 120_000) return number(language, { style: "unit", unit: "second", unitDisplay: "short", maximumFractionDigits: ms < 10_000 ? 1 : 0 }).format(ms / 1000);
  return number(language, { style: "unit", unit: "minute", unitDisplay: "short", maximumFractionDigits: 0 }).format(ms / 60_000);
}

/** $0.0012: as many digits as it needs to be more than nothing. */
export function formatCost(usd: number, language: string): string {
  const digits = usd >= 0.01 || usd === 0 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumSignificantDigits: 2 };
  return number(language, { style: "currency", currency: "USD", ...digits }).format(usd);
}

/** 42% */
export function formatPercent(fraction: number, language: string): string {
  return number(language, { style: "percent", maximumFractionDigits: 0 }).format(fraction);
}

/** 14:05 today, 3 May otherwise, with the year where it is another one. */
export function formatWhen(at: number, now: number, language: string): string {
  const then = new Date(at);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return then.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  const year = then.getFullYear() === today.getFullYear() ? {} : ({ year: "numeric" } as const);
  return then.toLocaleDateString(language, { day: "numeric", month: "short", ...year });
}

/** Messages of Python begin in lower case; sentences do not. */
export function capitalized(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}

/** Returns a message of Python as a sentence of its own, with a full stop. */
export function asSentence(message: string): string {
  return message === "" || /[.!?…:]$/.test(message) ? capitalized(message) : `${capitalized(message)}.`;
}
