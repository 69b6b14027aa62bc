// Putting our own ops into TensorFlow's registry.
#include <dlfcn.h>

#include <mutex>

#include "activations.h"
#include "attention.h"
#include "engine.h"
#include "group-norm.h"
#include "layer-norm.h"
#include "op-kernel.h"
#include "thread-pool.h"

namespace controlnet {
namespace {

// TensorFlow keeps the addresses of the kernels, and Node may close the addon with the worker that opened it.
void StayLoaded() {
  Dl_info addon;
  if (dladdr(reinterpret_cast<void*>(&StayLoaded), &addon) != 0)
    dlopen(addon.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace

// registerOps(threads): once a process; `threads` work on one op, 0 for one a core.
void Engine::RegisterOps(Info info) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  try {
    StayLoaded();
    SetKernelThreads(info[0].ToNumber().Int32Value());
    RegisterGroupNorm();
    RegisterLayerNorm();
    RegisterActivations();
    RegisterAttention();
  } catch (const KernelFailure& failure) {
    Throw(info.Env(), failure.code, failure.message);
  }
}

}  // namespace controlnet
