# The CUDA toolchain, turned on by SLICEFLOW_CUDA. The compiler is taken from the virtual environment (the wheels of PyPI's
# cuda-toolkit put it in nvidia/cu13/bin) or from the system; without one configuring stops, so that the preset never means
# a build for the processor alone.
find_program(SLICEFLOW_NVCC nvcc
  HINTS ${SLICEFLOW_SITE_PACKAGES}/nvidia/cu13/bin ENV CUDA_PATH ENV CUDACXX
  PATHS /usr/local/cuda/bin
  PATH_SUFFIXES bin
  DOC "Compiler of CUDA code")
if(NOT SLICEFLOW_NVCC)
  message(FATAL_ERROR
    "SLICEFLOW_CUDA is ON and there is no nvcc, neither in ${SLICEFLOW_VENV} nor in the system. "
    "Install a CUDA toolkit (CMake looks in PATH, CUDA_PATH and /usr/local/cuda), or use the preset `release`.")
endif()
set(CMAKE_CUDA_COMPILER ${SLICEFLOW_NVCC})
# The wheels have their libraries in lib, where nvcc looks in lib64.
cmake_path(GET SLICEFLOW_NVCC PARENT_PATH cuda_root)
cmake_path(GET cuda_root PARENT_PATH cuda_root)
if(NOT EXISTS ${cuda_root}/lib64 AND NOT CMAKE_CUDA_FLAGS MATCHES "-L")
  set(CMAKE_CUDA_FLAGS "${CMAKE_CUDA_FLAGS} -L${cuda_root}/lib" CACHE STRING "Flags of the CUDA compiler" FORCE)
endif()
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80 90)
endif()
enable_language(CUDA)
message(STATUS "CUDA toolchain: ${SLICEFLOW_NVCC}")
