import type { Ranks } from "./ranks.js";

type Environment = Record<string, string | undefined>;

const openMpi = ["libmpi.so.40", "libmpi.so.80"];
const mpich = ["libmpi_abi.so.1", "libmpi_abi.so.0", "libmpi.so.12", "libmpich.so.12"];

/**
 * The names under which to look for the cluster's MPI library, best first: the one that `CONTROLNET_MPI` names, else
 * those of the launcher's own family, because a process of Open MPI's `mpirun` cannot join through MPICH or the
 * other way round.
 */
export function mpiLibraryNames(
  launcher: Ranks["launcher"],
  environment: Environment = process.env,
): string[] {
  if (environment.CONTROLNET_MPI) return [environment.CONTROLNET_MPI];
  const families = launcher === "PMI" ? [mpich, openMpi] : [openMpi, mpich];
  return [...families.flat(), "libmpi.so"];
}

/** Whether a launcher that speaks to MPI libraries started this process. */
export function startedByMpi(launcher: Ranks["launcher"], environment: Environment = process.env): boolean {
  if (launcher === "Open MPI" || launcher === "PMI") return true;
  return launcher === "Slurm" && environment.PMIX_RANK !== undefined;
}
