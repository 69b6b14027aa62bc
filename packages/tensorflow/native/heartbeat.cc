#include "heartbeat.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "engine.h"

namespace controlnet {
namespace {

class Socket {
 public:
  explicit Socket(int number) : number_(number) {}
  Socket(Socket&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  Socket(const Socket&) = delete;
  ~Socket() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

[[noreturn]] void Fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

// Both address families where the kernel has IPv6, IPv4 alone elsewhere; any free port.
Socket Listen() {
  constexpr int kBacklog = 16;
  Socket both(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int off = 0;
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  if (both.number() >= 0 && setsockopt(both.number(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 &&
      bind(both.number(), reinterpret_cast<sockaddr*>(&any6), sizeof any6) == 0 &&
      listen(both.number(), kBacklog) == 0)
    return both;
  Socket ipv4(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any4{};
  any4.sin_family = AF_INET;
  if (ipv4.number() < 0 || bind(ipv4.number(), reinterpret_cast<sockaddr*>(&any4), sizeof any4) != 0 ||
      listen(ipv4.number(), kBacklog) != 0)
    Fail("listen");
  return ipv4;
}

uint16_t PortOf(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(socket.number(), reinterpret_cast<sockaddr*>(&address), &length) != 0) Fail("getsockname");
  // The port lies at the same place in both families.
  return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

void Serve(const Socket& listener) {
  for (;;) {
    const Socket peer(accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer.number() >= 0) {
      const char alive = 1;
      send(peer.number(), &alive, sizeof alive, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      // Out of file descriptors, most likely: others can wait a little.
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

}  // namespace

uint16_t StartHeartbeat() {
  Socket listener = Listen();
  const uint16_t port = PortOf(listener);
  std::thread([listener = std::move(listener)] { Serve(listener); }).detach();
  return port;
}

// startHeartbeat(): port
Napi::Value Engine::StartHeartbeat(Info info) {
  try {
    return Napi::Number::New(info.Env(), controlnet::StartHeartbeat());
  } catch (const std::system_error& error) {
    Throw(info.Env(), kUnavailable, std::string("heartbeat: ") + error.what());
  }
}

}  // namespace controlnet
