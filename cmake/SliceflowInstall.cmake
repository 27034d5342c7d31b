# What `cmake --install` lays down; docs/howto/deploy.md has the layout. Three components: `server` (the programs of a server, LibTorch, the
# dashboard, the unit), `cli`, and `client` (the C++ client to link). The tree may be moved as a whole: nothing in it but the unit names
# its place.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# ---- programs --------------------------------------------------------------------------------------------------------------------
set(SLICEFLOW_LIBRARIES ${CMAKE_INSTALL_LIBDIR}/sliceflow)
file(RELATIVE_PATH to_libraries /prefix/${CMAKE_INSTALL_BINDIR} /prefix/${SLICEFLOW_LIBRARIES})
set_target_properties(sliceflow-worker PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}")
install(TARGETS sliceflowd sliceflow-worker RUNTIME COMPONENT server)
install(TARGETS sliceflow RUNTIME COMPONENT cli)

# Where workers look for it; the driver is the machine's.
if(TARGET sliceflow_cuda)
  install(TARGETS sliceflow_cuda LIBRARY DESTINATION ${SLICEFLOW_LIBRARIES} COMPONENT server)
endif()

# Of LibTorch and of what its wheel links only what a processor's worker loads.
set(CUDA_RUNTIME ${SLICEFLOW_SITE_PACKAGES}/nvidia/cu13/lib)
install(FILES
  ${TORCH_ROOT}/lib/libtorch_cpu.so ${TORCH_ROOT}/lib/libc10.so ${TORCH_ROOT}/lib/libgomp.so.1
  ${CUDA_RUNTIME}/libcudart.so.13 ${CUDA_RUNTIME}/libcupti.so.13
  DESTINATION ${SLICEFLOW_LIBRARIES} COMPONENT server)
# Their licences ask to go with them.
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT server)
foreach(package torch nvidia_cuda_runtime nvidia_cuda_cupti)
  file(GLOB licences ${SLICEFLOW_SITE_PACKAGES}/${package}-*.dist-info/licenses)
  install(DIRECTORY ${licences}/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/licences/${package} COMPONENT server)
endforeach()

# The dashboard is made by scripts/dashboard, of which CMake knows nothing.
set(DASHBOARD ${CMAKE_BINARY_DIR}/share/sliceflow/dashboard)
install(CODE "
  if(NOT EXISTS \"${DASHBOARD}/index.html\")
    message(FATAL_ERROR \"There is no dashboard in ${DASHBOARD}: run scripts/dashboard first\")
  endif()" COMPONENT server)
# sliceflowd looks beside the folder that it is in, wherever data would go otherwise.
install(DIRECTORY ${DASHBOARD}/ DESTINATION share/sliceflow/dashboard COMPONENT server)

# ---- the units of systemd --------------------------------------------------------------------------------------------------------
# Its paths are those of the prefix that `cmake --install --prefix` was given.
install(CODE "
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX OUTPUT_VARIABLE SLICEFLOW_PREFIX)
  set(SLICEFLOW_BINDIR \${SLICEFLOW_PREFIX}/${CMAKE_INSTALL_BINDIR})
  foreach(unit sliceflowd sliceflow-worker@)
    configure_file(\"${CMAKE_SOURCE_DIR}/deploy/systemd/\${unit}.service.in\" \"${CMAKE_BINARY_DIR}/\${unit}.service\" @ONLY)
  endforeach()"
  COMPONENT server)
install(FILES ${CMAKE_BINARY_DIR}/sliceflowd.service ${CMAKE_BINARY_DIR}/sliceflow-worker@.service DESTINATION lib/systemd/system COMPONENT server)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/sliceflow.conf DESTINATION lib/sysusers.d COMPONENT server)

# ---- the C++ client --------------------------------------------------------------------------------------------------------------
# Headers are in a folder of their own, since their names (common/tensor.h, google/rpc/status.pb.h) are others' too.
set(SLICEFLOW_HEADERS ${CMAKE_INSTALL_INCLUDEDIR}/sliceflow)
foreach(part proto proto_grpc json common grpc_status client)
  set_target_properties(sliceflow_${part} PROPERTIES EXPORT_NAME ${part})
  install(TARGETS sliceflow_${part} EXPORT sliceflow ARCHIVE COMPONENT client INCLUDES DESTINATION ${SLICEFLOW_HEADERS})
endforeach()
install(FILES client/cpp/channel.h client/cpp/client.h client/cpp/retry.h client/cpp/upload.h client/cpp/watch.h
  DESTINATION ${SLICEFLOW_HEADERS}/client/cpp COMPONENT client)
install(FILES common/errors.h common/stop_latch.h common/tensor.h common/version.h
  DESTINATION ${SLICEFLOW_HEADERS}/common COMPONENT client)
install(DIRECTORY ${CMAKE_BINARY_DIR}/generated/sliceflow/v1 DESTINATION ${SLICEFLOW_HEADERS}/sliceflow COMPONENT client
  FILES_MATCHING PATTERN "*.pb.h")
install(DIRECTORY ${CMAKE_BINARY_DIR}/generated/google DESTINATION ${SLICEFLOW_HEADERS} COMPONENT client FILES_MATCHING PATTERN "*.pb.h")

set(SLICEFLOW_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/sliceflow)
install(EXPORT sliceflow NAMESPACE sliceflow:: FILE sliceflowTargets.cmake DESTINATION ${SLICEFLOW_PACKAGE} COMPONENT client)
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/sliceflowConfig.cmake.in ${CMAKE_BINARY_DIR}/sliceflowConfig.cmake
  INSTALL_DESTINATION ${SLICEFLOW_PACKAGE} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sliceflowConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/sliceflowConfig.cmake ${CMAKE_BINARY_DIR}/sliceflowConfigVersion.cmake
  DESTINATION ${SLICEFLOW_PACKAGE} COMPONENT client)
