/** Whether a condition is given as a module's path and not as a built-in name. */
export const isModulePath = (condition: string): boolean => /[./\\]/.test(condition);
