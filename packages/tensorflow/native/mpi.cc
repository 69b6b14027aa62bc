// Collective operations by MPI. MPI gets TensorFlow's own buffers; nothing is copied on a CPU.
#include <cstring>

#include "engine.h"

namespace controlnet {
namespace {

MpiType TypeOf(Napi::Env env, const TF_Tensor* tensor) {
  switch (TF_TensorType(tensor)) {
    case TF_FLOAT: return MpiType::kFloat32;
    case TF_INT32: return MpiType::kInt32;
    default: Throw(env, kUnimplemented, "MPI sums float32 and int32 tensors only");
  }
}

std::shared_ptr<TF_Tensor> Share(OwnedTensor tensor) { return {tensor.release(), TF_DeleteTensor}; }

std::shared_ptr<TF_Tensor> AllocateLike(Napi::Env env, const TF_Tensor* other) {
  std::vector<int64_t> shape(TF_NumDims(other));
  for (size_t i = 0; i < shape.size(); i++) shape[i] = TF_Dim(other, static_cast<int>(i));
  OwnedTensor made(TF_AllocateTensor(TF_TensorType(other), shape.data(), static_cast<int>(shape.size()),
                                     TF_TensorByteSize(other)));
  if (!made) Throw(env, kResourceExhausted, "could not allocate the result");
  return Share(std::move(made));
}

}  // namespace

MpiGroup& Engine::Mpi(Napi::Env env) {
  if (!mpi_) Throw(env, kFailedPrecondition, "MPI was not joined");
  return *mpi_;
}

std::shared_ptr<TF_Tensor> Engine::HostTensor(Napi::Env env, const Napi::Value& id) {
  Status status(env);
  OwnedTensor tensor(TFE_TensorHandleResolve(Handle(env, id), status.get()));
  status.Check();
  return Share(std::move(tensor));
}

Napi::Value Engine::AdoptHost(Napi::Env env, const TF_Tensor* tensor) {
  Status status(env);
  OwnedHandle handle(TFE_NewTensorHandle(tensor, status.get()));
  status.Check();
  return Adopt(env, std::move(handle));
}

// mpiJoin(libraryNames): Promise<{rank, size, library}>
Napi::Value Engine::MpiJoin(Info info) {
  Napi::Env env = info.Env();
  if (mpi_) Throw(env, kFailedPrecondition, "MPI was joined before, and MPI can be joined once only");
  Napi::Array list = info[0].As<Napi::Array>();
  std::vector<std::string> names;
  for (uint32_t i = 0; i < list.Length(); i++) names.push_back(list.Get(i).ToString());
  try {
    mpi_ = std::make_unique<MpiGroup>(env, names);
  } catch (const MpiError& error) {
    Throw(env, kNotFound, error.what());
  }
  return mpi_->Run(
      env, [](MpiLibrary& mpi) { mpi.Init(); },
      [this](Napi::Env on) -> Napi::Value {
        Napi::Object group = Napi::Object::New(on);
        group.Set("rank", mpi_->library().Rank());
        group.Set("size", mpi_->library().Size());
        group.Set("library", mpi_->library().Version());
        return group;
      });
}

// mpiSum(id): Promise<metadata> of a new tensor
Napi::Value Engine::MpiSum(Info info) {
  Napi::Env env = info.Env();
  const auto input = HostTensor(env, info[0]);
  const MpiType type = TypeOf(env, input.get());
  const auto output = AllocateLike(env, input.get());
  return Mpi(env).Run(
      env,
      [input, output, type](MpiLibrary& mpi) {
        mpi.Sum(TF_TensorData(input.get()), TF_TensorData(output.get()), TF_TensorElementCount(input.get()), type);
      },
      [this, output](Napi::Env on) { return AdoptHost(on, output.get()); });
}

// mpiBroadcast(id, root): Promise<metadata> of a new tensor
Napi::Value Engine::MpiBroadcast(Info info) {
  Napi::Env env = info.Env();
  const auto input = HostTensor(env, info[0]);
  const auto output = AllocateLike(env, input.get());
  const int root = info[1].ToNumber().Int32Value();
  return Mpi(env).Run(
      env,
      [input, output, root](MpiLibrary& mpi) {
        const size_t bytes = TF_TensorByteSize(input.get());
        if (mpi.Rank() == root) std::memcpy(TF_TensorData(output.get()), TF_TensorData(input.get()), bytes);
        mpi.Broadcast(TF_TensorData(output.get()), bytes, root);
      },
      [this, output](Napi::Env on) { return AdoptHost(on, output.get()); });
}

// mpiBarrier(): Promise<void>
Napi::Value Engine::MpiBarrier(Info info) {
  return Mpi(info.Env()).Run(
      info.Env(), [](MpiLibrary& mpi) { mpi.Barrier(); }, [](Napi::Env on) { return on.Undefined(); });
}

// mpiAbandon(): a process whose group has failed may end while its operations still wait
void Engine::MpiAbandon(Info info) { Mpi(info.Env()).Abandon(info.Env()); }

// mpiLeave(milliseconds): whether MPI_Finalize ended within that time
Napi::Value Engine::MpiLeave(Info info) {
  const std::chrono::milliseconds limit(info[0].ToNumber().Int64Value());
  return Napi::Boolean::New(info.Env(), Mpi(info.Env()).Leave(limit));
}

}  // namespace controlnet
