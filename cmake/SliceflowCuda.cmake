# The compiler of the GPU plugin. Where there is one the plugin is built with everything else; its kernels are compiled by commands of our own,
# because the CMake of Debian 12 knows no CUDA in C++20. It is taken from the virtual environment (deploy/requirements-cuda.txt puts it in
# nvidia/cu13/bin) or from the system.
set(SLICEFLOW_GPU AUTO CACHE STRING "The GPU plugin: AUTO (where there is a CUDA compiler), ON (fails where there is none), OFF")
set_property(CACHE SLICEFLOW_GPU PROPERTY STRINGS AUTO ON OFF)
if(NOT SLICEFLOW_GPU)
  return()
endif()
find_program(SLICEFLOW_NVCC nvcc
  HINTS ${SLICEFLOW_SITE_PACKAGES}/nvidia/cu13/bin ENV CUDA_PATH ENV CUDACXX
  PATHS /usr/local/cuda/bin
  PATH_SUFFIXES bin
  DOC "Compiler of CUDA code")
if(NOT SLICEFLOW_NVCC)
  if(NOT SLICEFLOW_GPU STREQUAL AUTO)
    message(FATAL_ERROR
      "SLICEFLOW_GPU is ON and there is no nvcc, neither in ${SLICEFLOW_VENV} nor in the system. "
      "Run deploy/install-deps, or install a CUDA toolkit (CMake looks in PATH, CUDA_PATH and /usr/local/cuda).")
  endif()
  message(STATUS "No CUDA compiler: without the GPU plugin")
  unset(SLICEFLOW_NVCC CACHE)
  return()
endif()
file(REAL_PATH ${SLICEFLOW_NVCC} nvcc)
cmake_path(GET nvcc PARENT_PATH SLICEFLOW_CUDA_ROOT)
cmake_path(GET SLICEFLOW_CUDA_ROOT PARENT_PATH SLICEFLOW_CUDA_ROOT)
# Wheels have lib where toolkits have lib64.
find_library(SLICEFLOW_CUDART cudart_static HINTS ${SLICEFLOW_CUDA_ROOT}/lib64 ${SLICEFLOW_CUDA_ROOT}/lib REQUIRED NO_DEFAULT_PATH)
message(STATUS "GPU plugin: ${SLICEFLOW_NVCC}")

# Real code for the architectures that are checked, and intermediate code for those between the last two and for what comes after.
set(SLICEFLOW_CUDA_CODE
  -gencode arch=compute_80,code=sm_80
  -gencode arch=compute_90,code=[sm_90,compute_90]
  -gencode arch=compute_120,code=[sm_120,compute_120])

# sliceflow_cuda_objects(OUT SOURCES...): objects of `.cu` files, warnings of both compilers being errors.
function(sliceflow_cuda_objects out)
  set(objects)
  foreach(source ${ARGN})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CCACHE_PROGRAM} ${SLICEFLOW_NVCC} -std=c++20 -O3 -c -Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wextra,-Werror
              --Werror all-warnings -ccbin ${CMAKE_CXX_COMPILER} ${SLICEFLOW_CUDA_CODE}
              -I${CMAKE_SOURCE_DIR} -isystem ${SLICEFLOW_CUDA_ROOT}/include/cccl -isystem ${SLICEFLOW_CUDA_ROOT}/include
              -MMD -MF ${object}.d -MT ${object} ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source} ${SLICEFLOW_NVCC}
      DEPFILE ${object}.d
      COMMENT "Building CUDA object ${source}.o"
      VERBATIM COMMAND_EXPAND_LISTS)
    list(APPEND objects ${object})
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()
