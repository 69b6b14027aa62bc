import { visible, visibleLine } from "@controlnet-js/core";

/** One line that is drawn over on a terminal, and now and then a plain line in a log file. */
export interface ProgressBar {
  update(done: number, total: number, details: string): void;
  /** Prints a line above the bar. */
  print(line: string): void;
  end(): void;
}

/** "1 h 02 min", "3 min 10 s", "8 s". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole >= 3600)
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  if (whole >= 60) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${whole} s`;
}

/**
 * A progress bar on `stream`.
 * @param logEvery seconds between lines where the stream is no terminal
 */
export function createProgressBar(stream: NodeJS.WriteStream = process.stderr, logEvery = 10): ProgressBar {
  /** When the first update came, and what was done by then, in an earlier run. */
  let first: { at: number; done: number } | undefined;
  let lastLine = 0;
  let drawn = false;
  const clear = () => {
    if (drawn) stream.write("\r\x1b[K");
    drawn = false;
  };
  return {
    update(done, total, details) {
      first ??= { at: Date.now(), done };
      const elapsed = (Date.now() - first.at) / 1000;
      const left = done > first.done ? (elapsed / (done - first.done)) * (total - done) : Number.NaN;
      const time = Number.isFinite(left) ? ` · ${formatDuration(left)} left` : "";
      if (stream.isTTY) {
        const width = 24;
        const filled = Math.round((width * done) / total);
        const line = `${"█".repeat(filled)}${"░".repeat(width - filled)} ${done}/${total}${time} · ${visibleLine(details)}`;
        clear();
        // A line that wraps could not be drawn over.
        stream.write(line.slice(0, (stream.columns || 80) - 1));
        drawn = true;
      } else if (Date.now() - lastLine > logEvery * 1000 || done === total) {
        lastLine = Date.now();
        stream.write(`${done}/${total} · ${visibleLine(details)}${time}\n`);
      }
    },
    print(line) {
      clear();
      stream.write(`${visible(line)}\n`);
    },
    end: clear,
  };
}
