// A thread that tells anyone who connects that this process is alive, whatever its other threads do.
#pragma once

#include <cstdint>

namespace controlnet {

// Starts listening on all interfaces and returns the port. Every connection gets one byte and is closed. A stopped
// process accepts (the kernel does) but never sends. Throws std::system_error.
uint16_t StartHeartbeat();

}  // namespace controlnet
