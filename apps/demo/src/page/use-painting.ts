import { useRef, useState } from "react";
import { type GenerateOptions, generate } from "./api.js";
import type { Painting } from "./result.js";

/** The picture in work, how to begin one and how to stop it. */
export function usePainting(): {
  painting: Painting | undefined;
  paint(options: GenerateOptions): Promise<void>;
  cancel(): void;
} {
  const [painting, setPainting] = useState<Painting>();
  const running = useRef<AbortController | undefined>(undefined);
  const change = (part: Partial<Painting>) => setPainting((before) => before && { ...before, ...part });

  const paint = async (options: GenerateOptions) => {
    const controller = new AbortController();
    running.current = controller;
    setPainting((before) => ({
      state: "running",
      status: "Starting; the first picture takes longer",
      progress: 0,
      prompt: options.prompt,
      fileName: `controlnet-${options.seed}.png`,
      ...(before?.picture && { picture: before.picture }),
    }));
    try {
      for await (const event of generate(options, controller.signal)) {
        if (event.kind === "step")
          change({
            picture: event.preview,
            progress: event.step / event.steps,
            status: `Step ${event.step} of ${event.steps}`,
          });
        else if (event.kind === "done")
          change({
            state: "done",
            picture: event.picture,
            progress: 1,
            status: ["Done", ...event.warnings].join(". "),
          });
        else change({ state: "stopped", progress: 0, status: event.error });
      }
    } catch (error) {
      const status = controller.signal.aborted ? "Cancelled" : (error as Error).message;
      change({ state: "stopped", progress: 0, status });
    }
  };
  return { painting, paint, cancel: () => running.current?.abort() };
}
