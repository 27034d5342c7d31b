# Everything from outside, found once. Protobuf before absl before gRPC: Debian's packages want that order.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(absl REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Eigen3 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(HWY_CONTRIB REQUIRED IMPORTED_TARGET libhwy-contrib)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

# LibTorch's own package file insists on a CUDA toolkit; the processor's path needs two libraries, so they are named here.
file(GLOB SLICEFLOW_SITE_PACKAGES ${SLICEFLOW_VENV}/lib/python3*/site-packages)
list(GET SLICEFLOW_SITE_PACKAGES 0 SLICEFLOW_SITE_PACKAGES)
set(TORCH_ROOT ${SLICEFLOW_SITE_PACKAGES}/torch)
if(NOT EXISTS ${TORCH_ROOT}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "LibTorch is not in ${SLICEFLOW_VENV}: run deploy/install-deps")
endif()
add_library(sliceflow_libtorch INTERFACE)
target_include_directories(sliceflow_libtorch SYSTEM INTERFACE ${TORCH_ROOT}/include ${TORCH_ROOT}/include/torch/csrc/api/include)
target_link_libraries(sliceflow_libtorch INTERFACE ${TORCH_ROOT}/lib/libtorch_cpu.so ${TORCH_ROOT}/lib/libc10.so)
target_link_options(sliceflow_libtorch INTERFACE
  -Wl,--allow-shlib-undefined
  -Wl,-rpath,${TORCH_ROOT}/lib:${SLICEFLOW_SITE_PACKAGES}/nvidia/cu13/lib
  -Wl,-rpath-link,${TORCH_ROOT}/lib:${SLICEFLOW_SITE_PACKAGES}/nvidia/cu13/lib)

# google/rpc and google/api protos come with the Python package googleapis-common-protos.
set(GOOGLEAPIS_PROTO_ROOT ${SLICEFLOW_SITE_PACKAGES})

if(SLICEFLOW_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(SLICEFLOW_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
