import type { RefObject } from "react";

/** What is painted, or was. */
export interface Painting {
  state: "running" | "done" | "stopped";
  /** A line for the user: the step, what went wrong, what to know. */
  status: string;
  /** Steps done, from 0 to 1. */
  progress: number;
  prompt: string;
  fileName: string;
  picture?: string;
}

interface ResultProps {
  section: RefObject<HTMLElement | null>;
  painting: Painting | undefined;
  onCancel(): void;
}

/** The picture as it appears. */
export function Result({ section, painting, onCancel }: ResultProps) {
  const state = painting?.state;
  return (
    <section className="panel result" ref={section}>
      <h2>Result</h2>
      {painting?.picture ? (
        <img src={painting.picture} alt={painting.prompt} />
      ) : (
        <div className="empty">{state === "running" ? "Starting ..." : "Your picture appears here"}</div>
      )}
      <progress max={1} value={painting?.progress ?? 0} aria-label="Progress" />
      <div className="row end">
        <p role="status">{painting?.status}</p>
        {state === "running" && (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
        {state === "done" && (
          <a className="button" href={painting?.picture} download={painting?.fileName}>
            Save PNG
          </a>
        )}
      </div>
    </section>
  );
}
