# One static library a room. Includes are written from the root of the repository: "server/engine/flow.h".

# sliceflow_room(NAME SOURCES ... DEPS ...): library `sliceflow_NAME`.
function(sliceflow_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPS" ${ARGN})
  add_library(sliceflow_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(sliceflow_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(sliceflow_${name} PUBLIC ${ROOM_DEPS})
endfunction()

# sliceflow_test(NAME SOURCES ... DEPS ... [LABELS ...] [TIMEOUT seconds]): GoogleTest program `NAME`, one ctest entry.
function(sliceflow_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${T_DEPS} GTest::gmock GTest::gtest_main Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_compile_definitions(${name} PRIVATE
    SLICEFLOW_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SLICEFLOW_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "${T_LABELS}")
endfunction()
