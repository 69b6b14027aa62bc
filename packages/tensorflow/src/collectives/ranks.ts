import { TensorFlowError } from "../errors.js";

/** This process's place in its group. */
export interface Ranks {
  rank: number;
  size: number;
  /** `host:port` of every process, by rank, where the launcher says. */
  addresses?: string[];
  /** `host:port` at which process 0 can be asked, where the launcher says. */
  meeting?: string;
  /** Which launcher's variables were found. */
  launcher: "TF_CONFIG" | "torchrun" | "Open MPI" | "PMI" | "Slurm" | "none";
}

type Environment = Record<string, string | undefined>;

const launchers: { launcher: Ranks["launcher"]; rank: string; size: string }[] = [
  { launcher: "torchrun", rank: "RANK", size: "WORLD_SIZE" },
  { launcher: "Open MPI", rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE" },
  { launcher: "PMI", rank: "PMI_RANK", size: "PMI_SIZE" },
  { launcher: "Slurm", rank: "SLURM_PROCID", size: "SLURM_NTASKS" },
];

/**
 * Finds rank and size in the variables that a launcher sets: `TF_CONFIG` (Kubeflow), torchrun's, Open MPI's, PMI's
 * (MPICH), Slurm's. Without any, a group of one.
 * @throws TensorFlowError `config` where the variables don't make sense
 */
export function ranksFromEnvironment(environment: Environment = process.env): Ranks {
  if (environment.TF_CONFIG) return fromTfConfig(environment.TF_CONFIG);
  const { MASTER_ADDR: host, MASTER_PORT: port } = environment;
  for (const { launcher, rank, size } of launchers) {
    if (environment[rank] === undefined || environment[size] === undefined) continue;
    const found = checked(launcher, Number(environment[rank]), Number(environment[size]));
    return host && port ? { ...found, meeting: `${host}:${port}` } : found;
  }
  return { rank: 0, size: 1, launcher: "none" };
}

function fromTfConfig(text: string): Ranks {
  try {
    const config = JSON.parse(text) as {
      cluster: Record<string, string[]>;
      task: { type: string; index: number };
    };
    // A chief counts as the first worker, as in TensorFlow's own strategies.
    const chiefs = config.cluster.chief ?? [];
    const addresses = [...chiefs, ...(config.cluster.worker ?? [])];
    const rank = config.task.type === "chief" ? config.task.index : chiefs.length + config.task.index;
    return { ...checked("TF_CONFIG", rank, addresses.length), addresses };
  } catch (error) {
    if (error instanceof TensorFlowError) throw error;
    throw new TensorFlowError(
      `TF_CONFIG is not what TensorFlow writes: ${(error as Error).message}`,
      {},
      "config",
    );
  }
}

function checked(launcher: Ranks["launcher"], rank: number, size: number): Ranks {
  if (Number.isInteger(rank) && Number.isInteger(size) && rank >= 0 && rank < size)
    return { rank, size, launcher };
  throw new TensorFlowError(`ranksFromEnvironment: ${launcher} says rank ${rank} of ${size}`, {}, "config");
}
