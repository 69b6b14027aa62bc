import { ControlNetError, visible } from "@controlnet-js/core";
import { type ConditionName as BuiltInName, builtInConditions } from "@controlnet-js/preprocessors";

declare const user: unique symbol;

/** A built-in condition's name, or the path of a module, in the words of the command line or of a config. */
export type UserCondition = string & { readonly [user]: true };

/**
 * What a condition is opened by. Opening a module runs its code, so that a plain string will not do: the user named it
 * ({@link namedByUser}), or it is no more than a built-in condition's name ({@link namedByFile}).
 */
export type ConditionName = UserCondition | BuiltInName;

/** Takes the command line's or a config's word for a condition, which may be a module's path. */
export const namedByUser = (text: string): UserCondition => text as UserCondition;

/**
 * Takes a file's word for a condition, which others may have written: the name of a built-in one, and nothing else.
 * @param remedy how the user names a module: `--condition FILE`
 * @throws ControlNetError `missing` for any other text
 */
export function namedByFile(text: string, file: string, remedy: string): BuiltInName {
  if (Object.hasOwn(builtInConditions, text)) return text as BuiltInName;
  throw new ControlNetError(
    "missing",
    `${file} names the condition "${visible(text.slice(0, 80))}", which is not built in; a file's word loads no code: give its module by ${remedy}`,
  );
}

/** Whether the user gave a condition as a module and not as a built-in name. */
export const isModulePath = (condition: string): boolean => /[./\\:]/.test(condition);
