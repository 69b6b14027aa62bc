import type { Plugin } from "vite";

export declare const noticesFile: string;
export declare function noticesOf(modules: Iterable<string>): string | undefined;
export declare const viteNotices: () => Plugin;
