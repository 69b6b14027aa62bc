/* MPI_Allreduce of float32, called from C: the peer of all-reduce.ts. Arguments: pairs of a size in bytes and a
 * number of repetitions. Rank 0 prints one JSON object: the median milliseconds by size. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median over `repetitions` of the time until the slowest process has its sums. */
static double median_milliseconds(const float *values, float *sums, int count, int repetitions) {
  double *times = malloc(repetitions * sizeof *times);
  for (int i = -3; i < repetitions; i++) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    MPI_Allreduce(values, sums, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    if (i >= 0) times[i] = 1000 * (MPI_Wtime() - start);
  }
  qsort(times, repetitions, sizeof *times, ascending);
  const double median = times[repetitions / 2];
  free(times);
  return median;
}

int main(int argc, char **argv) {
  int rank;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) printf("{");
  for (int i = 1; i + 1 < argc; i += 2) {
    const size_t bytes = strtoull(argv[i], NULL, 10);
    float *values = malloc(bytes), *sums = malloc(bytes);
    for (size_t at = 0; at < bytes / 4; at++) values[at] = (float)(at % 1000);
    const double median = median_milliseconds(values, sums, (int)(bytes / 4), atoi(argv[i + 1]));
    if (rank == 0) printf("%s\"%zu\": %.6f", i > 1 ? ", " : "", bytes, median);
    free(values);
    free(sums);
  }
  if (rank == 0) printf("}\n");
  MPI_Finalize();
  return 0;
}
