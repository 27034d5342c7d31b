"""The contract `sliceflow.v1` as protobuf messages, built from `proto/`; a module for each of its files.

For what the builders and handles of `sliceflow` do not cover. The messages are of a descriptor pool of this package's own, so that no other
package's copy of Google's types gets in their way; convert to others through `SerializeToString`.
"""
