// TensorFlow's gRPC server always listens on all interfaces and offers no authentication. A socket filter makes the
// kernel drop what other machines send to it; connections that are accepted later inherit the filter.
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <iterator>

#include "engine.h"

namespace controlnet {
namespace {

constexpr uint32_t kHeader = static_cast<uint32_t>(SKF_NET_OFF);

// Passes packets from 127.0.0.0/8 and ::1, by the IP header, whose first four bits are the version.
sock_filter kFromLoopback[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kHeader),
    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 3, 0),
    // IPv4: the source at 12.
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kHeader + 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 127, 10, 0),
    BPF_STMT(BPF_RET | BPF_K, 0),
    // IPv6: the source at 8, four words.
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 8),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 6),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 16),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + 20),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, 0),
    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
};

bool ListensAt(int number, uint16_t port) {
  int listens = 0;
  socklen_t length = sizeof listens;
  if (getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0 || listens == 0) return false;
  sockaddr_storage address{};
  length = sizeof address;
  if (getsockname(number, reinterpret_cast<sockaddr*>(&address), &length) != 0) return false;
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return false;
  // The port lies at the same place in both families.
  return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port) == port;
}

}  // namespace

// keepToLoopback(port): how many sockets it was done for; 0 where the kernel can't for all of them
Napi::Value Engine::KeepToLoopback(Info info) {
  const uint16_t port = static_cast<uint16_t>(info[0].ToNumber().Uint32Value());
  sock_fprog program{static_cast<unsigned short>(std::size(kFromLoopback)), kFromLoopback};
  int count = 0;
  bool all = true;
  if (DIR* folder = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(folder)) {
      const int number = std::atoi(entry->d_name);
      if (entry->d_name[0] == '.' || !ListensAt(number, port)) continue;
      if (setsockopt(number, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0) ++count;
      else all = false;
    }
    closedir(folder);
  }
  return Napi::Number::New(info.Env(), all ? count : 0);
}

}  // namespace controlnet
