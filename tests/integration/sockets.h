// Connections without a library, for what a client should not do, and for a look at the HTTP port.
#pragma once

#include <string>

namespace sliceflow::testing {

// A connection to `host:port` of this machine; the caller closes it.
int ConnectTcp(const std::string& address);

// The status that GET of a path is answered with; 0 where nothing answers within `kPatience`.
int HttpStatus(const std::string& address, const std::string& path);

}  // namespace sliceflow::testing
