# One static library a room. Includes are written from the root of the repository: "server/engine/flow.h".

set(SLICEFLOW_UNIT_TESTS ${CMAKE_SOURCE_DIR}/tests/unit)

# sliceflow_room(NAME SOURCES ... DEPS ...): library `sliceflow_NAME`.
function(sliceflow_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPS" ${ARGN})
  add_library(sliceflow_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(sliceflow_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  target_link_libraries(sliceflow_${name} PUBLIC ${ROOM_DEPS})
endfunction()

# Whether any of the targets given links LibTorch, directly or through others. A target not made yet counts as one that does not.
function(sliceflow_links_libtorch out)
  set(${out} FALSE PARENT_SCOPE)
  foreach(target ${ARGN})
    # `$<LINK_ONLY:...>` is how a static library names its private dependencies.
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" target "${target}")
    if(target STREQUAL sliceflow_libtorch)
      set(${out} TRUE PARENT_SCOPE)
      return()
    endif()
    if(TARGET ${target} AND target MATCHES "^sliceflow_")
      get_target_property(linked ${target} INTERFACE_LINK_LIBRARIES)
      if(linked)
        sliceflow_links_libtorch(reached ${linked})
        if(reached)
          set(${out} TRUE PARENT_SCOPE)
          return()
        endif()
      endif()
    endif()
  endforeach()
endfunction()

# Unit tests that do not link LibTorch: what the sanitizer presets build and run, under the label of the same meaning.
add_custom_target(tests_without_libtorch)
# Tests with real processes: what the thread sanitizer's preset builds and runs beside.
add_custom_target(integration_tests)

# sliceflow_test(NAME SOURCES ... DEPS ... [LABELS ...] [TIMEOUT seconds]): GoogleTest program `NAME`, one ctest entry.
function(sliceflow_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  if(SLICEFLOW_SANITIZE)
    math(EXPR T_TIMEOUT "5 * ${T_TIMEOUT}")  # a sanitizer takes several times as long
  endif()
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${T_DEPS} GTest::gmock GTest::gtest_main Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  # What is tested is optimised; the tests themselves only have to compile fast.
  target_compile_options(${name} PRIVATE -O0)
  target_compile_definitions(${name} PRIVATE
    SLICEFLOW_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SLICEFLOW_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  sliceflow_links_libtorch(with_libtorch ${T_DEPS})
  cmake_path(IS_PREFIX SLICEFLOW_UNIT_TESTS ${CMAKE_CURRENT_SOURCE_DIR} is_unit_test)
  if(is_unit_test AND NOT with_libtorch)
    list(APPEND T_LABELS without_libtorch)
    add_dependencies(tests_without_libtorch ${name})
  endif()
  if(T_LABELS MATCHES "integration|faults")
    add_dependencies(integration_tests ${name})
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "${T_LABELS}")
endfunction()
