# Lua files as C arrays, so that a program carries its Lua modules inside. No tool but CMake is needed.
#
#   rise_embed_lua(<variable> LIST <name> [ROOT <folder>] [FILES <module>=<file> ...] [COMPILER <target>])
#
# puts into <variable> the C sources that hold every *.lua below ROOT as a module named after its path
# ("rise/init.lua" is "rise", "rise/cli/send.lua" is "rise.cli.send"), plus the FILES given with their names.
# They define the C array <name>, to be read through csrc/lua_embedded.h. A changed file is converted again, alone;
# a new one is noticed. With a COMPILER (csrc/runner/compile.c) the arrays hold compiled chunks, which load in a tenth of
# the time, but only into the Lua that the compiler was linked with.
#
# As a script (cmake -P) this file converts one of them: INPUT, OUTPUT, SYMBOL, MODULE, CHUNK.

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${INPUT}" bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  # A line of C for a line of Lua. The NUL at the end keeps the array of an empty file from having no element.
  string(REPLACE "0x0a," "0x0a,\n" bytes "${bytes}")
  file(WRITE "${OUTPUT}" "#include \"lua_embedded.h\"\n\n"
    "static const unsigned char bytes[] = {\n${bytes}0};\n"
    "const rise_embedded ${SYMBOL} = { \"${MODULE}\", \"@${CHUNK}\", bytes, sizeof bytes - 1 };\n")
  return()
endif()

set(RISE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(rise_embed_lua variable)
  cmake_parse_arguments(ARG "" "LIST;ROOT;COMPILER" "FILES" ${ARGN})
  set(found)
  if(ARG_ROOT)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS RELATIVE ${ARG_ROOT} ${ARG_ROOT}/*.lua)
  endif()
  set(entries)
  foreach(path IN LISTS found)
    string(REGEX REPLACE "(/init)?\\.lua$" "" module ${path})
    string(REPLACE "/" "." module ${module})
    list(APPEND entries "${module}=${ARG_ROOT}/${path}=${path}")
  endforeach()
  foreach(file IN LISTS ARG_FILES)
    string(REGEX REPLACE "^.*[/\\]" "" name ${file})
    list(APPEND entries "${file}=${name}")
  endforeach()

  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${ARG_LIST})
  set(sources)
  set(declarations "")
  set(pointers "")
  foreach(entry IN LISTS entries)
    string(REPLACE "=" ";" entry "${entry}")
    list(GET entry 0 module)
    list(GET entry 1 input)
    list(GET entry 2 chunk)
    string(MAKE_C_IDENTIFIER "rise_embedded_${module}" symbol)
    set(output ${folder}/${module}.c)
    set(compiled)
    set(content ${input})
    if(ARG_COMPILER)
      set(content ${folder}/${module}.luac)
      set(compiled COMMAND ${ARG_COMPILER} ${input} ${chunk} ${content})
    endif()
    add_custom_command(OUTPUT ${output} DEPENDS ${input} ${RISE_EMBED_SCRIPT} ${ARG_COMPILER} VERBATIM
      COMMENT "Embedding ${chunk}" ${compiled}
      COMMAND ${CMAKE_COMMAND} -DINPUT=${content} -DOUTPUT=${output} -DSYMBOL=${symbol} -DMODULE=${module}
        -DCHUNK=${chunk} -P ${RISE_EMBED_SCRIPT})
    list(APPEND sources ${output})
    string(APPEND declarations "extern const rise_embedded ${symbol};\n")
    string(APPEND pointers "    &${symbol},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${folder}/index.c @ONLY CONTENT "#include \"lua_embedded.h\"\n
${declarations}
const rise_embedded *const ${ARG_LIST}[] = {\n${pointers}    0
};\n")
  set(${variable} ${sources} ${folder}/index.c PARENT_SCOPE)
endfunction()
