// How a call that comes over HTTP tells where it is from.
#pragma once

namespace sliceflow {

// Metadata of calls that the gateway forwards: a word that only this process knows, a blank, and the peer of the gateway's client in the form
// of grpc::ServerContext::peer. Without the word it is some client's own and means nothing.
inline constexpr char kPeerKey[] = "x-sliceflow-peer";

}  // namespace sliceflow
