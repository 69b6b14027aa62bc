#include "mpi-library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace controlnet {
namespace {

constexpr int kMaxLibraryVersion = 8192;  // the longest of all implementations
constexpr int kMaxErrorText = 512;
constexpr int kThreadFunneled = 1;
// MPI counts in ints; larger buffers go in pieces.
constexpr size_t kLargestCount = size_t{1} << 30;

template <typename Function>
Function* Find(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

template <typename Function>
void Require(void* library, const char* name, Function** function) {
  *function = Find<Function>(library, name);
  if (!*function) throw MpiError(std::string("the MPI library lacks ") + name);
}

template <typename Handle>
struct Handles {
  Handle world, float32, int32, byte, sum, errors_return;
};

Handles<int> MpichHandles() {
  return {0x44000000, 0x4c00040a, 0x4c000405, 0x4c00010d, 0x58000003, 0x54000001};
}

// MPI 5.0, appendix A: the standard ABI.
Handles<void*> StandardHandles() {
  const auto handle = [](uintptr_t value) { return reinterpret_cast<void*>(value); };
  return {handle(0x101), handle(0x210), handle(0x209), handle(0x247), handle(0x21), handle(0x142)};
}

Handles<void*> OpenMpiHandles(void* library) {
  const auto object = [library](const char* name) {
    void* address = dlsym(library, name);
    if (!address) throw MpiError(std::string("the MPI library lacks ") + name);
    return address;
  };
  return {object("ompi_mpi_comm_world"), object("ompi_mpi_float"),  object("ompi_mpi_int"),
          object("ompi_mpi_byte"),       object("ompi_mpi_op_sum"), object("ompi_mpi_errors_return")};
}

template <typename Handle>
class LibraryWith : public MpiLibrary {
 public:
  LibraryWith(void* library, std::string version, Handles<Handle> handles)
      : version_(std::move(version)), handles_(handles) {
    Require(library, "MPI_Init_thread", &init_);
    Require(library, "MPI_Finalize", &finalize_);
    Require(library, "MPI_Comm_set_errhandler", &set_errhandler_);
    Require(library, "MPI_Comm_rank", &comm_rank_);
    Require(library, "MPI_Comm_size", &comm_size_);
    Require(library, "MPI_Error_string", &error_string_);
    Require(library, "MPI_Allreduce", &allreduce_);
    Require(library, "MPI_Bcast", &bcast_);
    Require(library, "MPI_Barrier", &barrier_);
  }

  std::string Version() const override { return version_; }
  int Rank() const override { return rank_; }
  int Size() const override { return size_; }

  void Init() override {
    int provided = 0;
    Check("MPI_Init_thread", init_(nullptr, nullptr, kThreadFunneled, &provided));
    if (provided < kThreadFunneled) throw MpiError("this MPI library may not be used in a process with threads");
    Check("MPI_Comm_set_errhandler", set_errhandler_(handles_.world, handles_.errors_return));
    Check("MPI_Comm_rank", comm_rank_(handles_.world, &rank_));
    Check("MPI_Comm_size", comm_size_(handles_.world, &size_));
  }

  void Finalize() override { Check("MPI_Finalize", finalize_()); }

  void Sum(const void* values, void* sums, size_t count, MpiType type) override {
    constexpr size_t kWidth = 4;
    const Handle datatype = type == MpiType::kFloat32 ? handles_.float32 : handles_.int32;
    for (size_t done = 0; done < count;) {
      const size_t part = std::min(count - done, kLargestCount);
      Check("MPI_Allreduce",
            allreduce_(static_cast<const char*>(values) + done * kWidth, static_cast<char*>(sums) + done * kWidth,
                       static_cast<int>(part), datatype, handles_.sum, handles_.world));
      done += part;
    }
  }

  void Broadcast(void* data, size_t bytes, int root) override {
    for (size_t done = 0; done < bytes;) {
      const size_t part = std::min(bytes - done, kLargestCount);
      Check("MPI_Bcast",
            bcast_(static_cast<char*>(data) + done, static_cast<int>(part), handles_.byte, root, handles_.world));
      done += part;
    }
  }

  void Barrier() override { Check("MPI_Barrier", barrier_(handles_.world)); }

 private:
  void Check(const char* function, int code) const {
    if (code == 0) return;
    char text[kMaxErrorText] = "";
    int length = 0;
    error_string_(code, text, &length);
    throw MpiError(std::string(function) + ": " + text);
  }

  const std::string version_;
  const Handles<Handle> handles_;
  int rank_ = 0;
  int size_ = 1;
  int (*init_)(int*, char***, int, int*);
  int (*finalize_)();
  int (*set_errhandler_)(Handle comm, Handle handler);
  int (*comm_rank_)(Handle comm, int*);
  int (*comm_size_)(Handle comm, int*);
  int (*error_string_)(int code, char*, int* length);
  int (*allreduce_)(const void*, void*, int count, Handle type, Handle op, Handle comm);
  int (*bcast_)(void*, int count, Handle type, int root, Handle comm);
  int (*barrier_)(Handle comm);
};

std::string VersionOf(void* library) {
  int (*get_library_version)(char*, int*);
  Require(library, "MPI_Get_library_version", &get_library_version);
  char text[kMaxLibraryVersion] = "";
  int length = 0;
  get_library_version(text, &length);
  const std::string all = text;
  return all.substr(0, all.find('\n'));
}

// Libraries of MPI 5 say which ABI they were called through: below 1 it is one of their own.
bool SpeaksStandardAbi(void* library) {
  auto* get_version = Find<int(int*, int*)>(library, "MPI_Abi_get_version");
  int major = 0, minor = 0;
  return get_version && get_version(&major, &minor) == 0 && major >= 1;
}

std::unique_ptr<MpiLibrary> Recognize(void* library) {
  const std::string version = VersionOf(library);
  if (SpeaksStandardAbi(library))
    return std::make_unique<LibraryWith<void*>>(library, version, StandardHandles());
  if (version.find("Open MPI") != std::string::npos)
    return std::make_unique<LibraryWith<void*>>(library, version, OpenMpiHandles(library));
  for (const char* relative : {"MPICH", "Intel(R) MPI", "MVAPICH", "ParaStation"})
    if (version.find(relative) != std::string::npos)
      return std::make_unique<LibraryWith<int>>(library, version, MpichHandles());
  throw MpiError("unknown MPI library \"" + version + "\"; known are Open MPI, MPICH and its relatives, and libmpi_abi");
}

}  // namespace

std::unique_ptr<MpiLibrary> MpiLibrary::Open(const std::vector<std::string>& names) {
  // UCX, under many builds of MPI, rewrites the machine code of libc's mmap and munmap as it starts, to hear of memory
  // that goes. V8 and TensorFlow have threads inside these functions by then: about one start in fifteen ended in a
  // segmentation fault. Whoever wants the registration cache that this serves sets UCX_MEM_EVENTS=yes.
  setenv("UCX_MEM_EVENTS", "no", /*overwrite=*/0);
  std::string tried;
  for (const std::string& name : names) {
    // Open MPI's plug-ins look for its symbols in the global scope. The library stays loaded: MPI cannot start twice.
    if (void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL)) return Recognize(library);
    tried += "\n  " + std::string(dlerror());
  }
  throw MpiError("no MPI library opens:" + tried);
}

}  // namespace controlnet
