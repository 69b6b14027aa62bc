// From which severity on TensorFlow writes to standard error.
//
// libtensorflow logs from its static initialisers, while it is being loaded and before anyone could call
// absl::SetMinLogLevel; and it heeds TF_CPP_MIN_LOG_LEVEL in Python only. So the addon answers absl::MinLogLevel()
// itself: the dynamic linker looks for a symbol in the library that is being opened, this one, before the libraries
// that it needs. In a libtensorflow with another version of absl the function is never called and the lines appear.
#include <cstdlib>

extern "C" __attribute__((visibility("default"))) int ControlNetMinLogLevel() __asm__(
    "_ZN4absl12lts_2025081411MinLogLevelEv");

// 0 information, 1 warnings, 2 errors, 3 fatal errors only.
int ControlNetMinLogLevel() {
  constexpr int kWarnings = 1;
  static const int level = [] {
    const char* wanted = std::getenv("TF_CPP_MIN_LOG_LEVEL");
    return wanted && *wanted ? std::atoi(wanted) : kWarnings;
  }();
  return level;
}
