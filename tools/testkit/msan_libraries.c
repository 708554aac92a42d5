/*
 * For builds under MemorySanitizer. Libraries that were built without it write memory unseen, so
 * what they hand out would count as uninitialised: the linker puts these functions in front of
 * theirs
 * (--wrap). libc needs none of this, and instead of OpenSSL's digests such a build has those of
 * tools/fingerprint/crypto_plain.c, which can be seen through.
 *
 * The real functions are weak, for no program links all of these libraries.
 */
#include <jansson.h>
#include <pcap/pcap.h>
#include <sanitizer/msan_interface.h>
#include <yaml.h>

#define WRAP(result, name, ...)                                                                    \
    __attribute__((weak)) result __real_##name(__VA_ARGS__);                                       \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

WRAP(int, pcap_next_ex, pcap_t *pcap, struct pcap_pkthdr **header, const u_char **bytes)
{
    int got = __real_pcap_next_ex(pcap, header, bytes);
    if (got == 1) {
        __msan_unpoison(header, sizeof *header);
        __msan_unpoison(bytes, sizeof *bytes);
        __msan_unpoison(*header, sizeof **header);
        __msan_unpoison(*bytes, (*header)->caplen);
    }
    return got;
}

static void unpoison_node(yaml_node_t *node)
{
    __msan_unpoison(node, sizeof *node);
    if (node->type == YAML_SCALAR_NODE) {
        __msan_unpoison(node->data.scalar.value, node->data.scalar.length + 1);
    } else if (node->type == YAML_SEQUENCE_NODE) {
        yaml_node_item_t *start = node->data.sequence.items.start;
        __msan_unpoison(start, (size_t)(node->data.sequence.items.top - start) * sizeof *start);
    } else if (node->type == YAML_MAPPING_NODE) {
        yaml_node_pair_t *start = node->data.mapping.pairs.start;
        __msan_unpoison(start, (size_t)(node->data.mapping.pairs.top - start) * sizeof *start);
    }
}

WRAP(int, yaml_parser_load, yaml_parser_t *parser, yaml_document_t *document)
{
    __msan_scoped_disable_interceptor_checks(); /* for it compares strings that it wrote */
    int loaded = __real_yaml_parser_load(parser, document);
    __msan_scoped_enable_interceptor_checks();
    __msan_unpoison(parser, sizeof *parser);
    __msan_unpoison(document, sizeof *document);
    for (yaml_node_t *node = document->nodes.start; loaded && node < document->nodes.top; node++) {
        unpoison_node(node);
    }
    return loaded;
}

/* What its inline functions read. */
WRAP(json_t *, json_string, const char *text)
{
    json_t *json = __real_json_string(text);
    if (json != NULL) {
        __msan_unpoison(json, sizeof *json);
    }
    return json;
}
