/** What the server tells about the loaded model. */
export interface ModelInfo {
  width: number;
  height: number;
  controlled: boolean;
  engine: string;
}

/** A picture to paint; see the server's `generateRequestSchema`. */
export interface GenerateOptions {
  prompt: string;
  negativePrompt: string;
  map?: string;
  strength: number;
  guidance: number;
  steps: number;
  seed: number;
}

/** What comes while a picture is painted. */
export type GenerateEvent =
  | { kind: "step"; step: number; steps: number; preview: string }
  | { kind: "done"; picture: string; warnings: string[] }
  | { kind: "error"; error: string };

/** Asks what is loaded. */
export async function fetchModel(): Promise<ModelInfo> {
  const response = await fetch("/api/model");
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return (await response.json()) as ModelInfo;
}

/**
 * Paints a picture; gives each server-sent event as it comes, the last one `done` or `error`. Abort the signal to
 * cancel.
 * @throws Error where the connection breaks
 */
export async function* generate(
  options: GenerateOptions,
  signal: AbortSignal,
): AsyncGenerator<GenerateEvent> {
  const response = await fetch("/api/generate", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(options),
    signal,
  });
  if (!response.ok || !response.body) {
    const { error } = (await response.json().catch(() => ({}))) as { error?: string };
    yield { kind: "error", error: error ?? `the server answered ${response.status}` };
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  while (true) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the server stopped before the picture was done");
    buffer += value;
    const messages = buffer.split("\n\n");
    buffer = messages.pop()!;
    for (const message of messages) {
      const [event, data] = message.split("\n").map((line) => line.slice(line.indexOf(":") + 2));
      yield { kind: event, ...JSON.parse(data!) } as GenerateEvent;
      if (event !== "step") return;
    }
  }
}
