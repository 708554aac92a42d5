# Files as C strings in one header: cmake -DTO=page_parts.h "-DFILES=page.html;page.css" -P embed.cmake
# page.html becomes `page_html`.
set(text "")
foreach(file IN LISTS FILES)
    get_filename_component(name "${file}" NAME)
    string(MAKE_C_IDENTIFIER "${name}" name)
    file(READ "${file}" bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
    string(APPEND text "static const char ${name}[] = {\n${bytes}0};\n")
endforeach()
file(WRITE "${TO}" "${text}")
