// An MPI library that is opened at run time. MPI fixes its C functions but not how handles are represented: MPICH and
// its relatives (Intel MPI, MVAPICH, Cray) use ints with fixed values, Open MPI pointers to exported objects, and the
// standard ABI of MPI 5 pointers with fixed values. The library's own word decides which of the three is spoken.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace controlnet {

// A call that MPI refused, or a library that cannot be used.
struct MpiError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class MpiType { kFloat32, kInt32 };

// All of MPI that is used here, on the communicator of all processes. Init, every operation and Finalize must be
// called from one thread. Everything throws MpiError.
class MpiLibrary {
 public:
  // The first of `names` that opens: a path, or a name for the dynamic linker.
  static std::unique_ptr<MpiLibrary> Open(const std::vector<std::string>& names);

  virtual ~MpiLibrary() = default;
  // What the library says about itself, on one line.
  virtual std::string Version() const = 0;
  virtual void Init() = 0;
  virtual void Finalize() = 0;
  virtual int Rank() const = 0;
  virtual int Size() const = 0;
  virtual void Sum(const void* values, void* sums, size_t count, MpiType type) = 0;
  virtual void Broadcast(void* data, size_t bytes, int root) = 0;
  virtual void Barrier() = 0;
};

}  // namespace controlnet
