/** What Arabic sentences are made with. */

const rules = new Intl.PluralRules("ar");
const digits = new Intl.NumberFormat("ar");

/** Returns a name so that its own direction does not reorder the sentence around it. */
export function own(name: string): string {
  return `\u2068${name}\u2069`;
}

/** Returns a number with its noun: one, two, three to ten, eleven to ninety-nine, and round hundreds each have a form. */
export function counted(count: number, one: string, two: string, few: string, many: string, hundreds: string): string {
  switch (rules.select(count)) {
    case "one":
      return one;
    case "two":
      return two;
    case "few":
      return `${digits.format(count)} ${few}`;
    case "many":
      return `${digits.format(count)} ${many}`;
    default:
      return `${digits.format(count)} ${hundreds}`;
  }
}

export function number(value: number): string {
  return digits.format(value);
}

export const messages = (count: number): string => counted(count, "رسالة واحدة", "رسالتان", "رسائل", "رسالة", "رسالة");
export const conversations = (count: number): string => counted(count, "محادثة واحدة", "محادثتان", "محادثات", "محادثة", "محادثة");
