/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The only C++ of the project: toml++ behind a C function. */
#include "codec/toml_impl.h"

#include <cstdio>
#include <new>
#include <string>
#include <string_view>

#include <toml++/toml.h>

namespace
{

struct Walk {
    bool (*visit)(void *context, const toml_shim_value *value);
    void *context;
    toml_shim_fault *fault;
    toml_shim_result result;
};

bool key_is_bare(std::string_view key)
{
    for (char c : key) {
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && c != '-' && c != '_')
            return false;
    }
    return !key.empty();
}

toml_shim_value describe(const toml::node &node, const std::string &path)
{
    toml_shim_value value = {};
    value.key = path.c_str();
    value.line = static_cast<unsigned>(node.source().begin.line);
    value.column = static_cast<unsigned>(node.source().begin.column);
    value.kind = TOML_SHIM_OTHER;
    if (const auto *text = node.as_string()) {
        value.kind = TOML_SHIM_STRING;
        value.text = text->get().data();
        value.text_n = text->get().size();
    } else if (const auto *integer = node.as_integer()) {
        value.kind = TOML_SHIM_INTEGER;
        value.integer = integer->get();
    } else if (const auto *boolean = node.as_boolean()) {
        value.kind = TOML_SHIM_BOOLEAN;
        value.boolean = boolean->get();
    } else if (const auto *real = node.as_floating_point()) {
        value.kind = TOML_SHIM_FLOAT;
        value.real = real->get();
    }
    return value;
}

/* False once the walk has ended; depth is bounded by the parser's own limit on nesting. */
bool walk(Walk &w, const toml::node &node, const std::string &path)
{
    if (const auto *table = node.as_table()) {
        for (const auto &[key, child] : *table) {
            if (!key_is_bare(key.str())) {
                w.fault->line = static_cast<unsigned>(key.source().begin.line);
                w.fault->column = static_cast<unsigned>(key.source().begin.column);
                w.result = TOML_SHIM_KEY;
                return false;
            }
            std::string inner =
                path.empty() ? std::string(key.str()) : path + "." + std::string(key.str());
            if (!walk(w, child, inner))
                return false;
        }
        return true;
    }
    if (const auto *array = node.as_array()) {
        for (std::size_t i = 0; i < array->size(); i++)
            if (!walk(w, (*array)[i], path + "[" + std::to_string(i) + "]"))
                return false;
        return true;
    }
    toml_shim_value value = describe(node, path);
    if (w.visit(w.context, &value))
        return true;
    w.result = TOML_SHIM_STOPPED;
    return false;
}

} // namespace

extern "C" toml_shim_result slk_toml_shim_parse(const char *text, std::size_t n,
                                                bool (*visit)(void *context,
                                                              const toml_shim_value *value),
                                                void *context, toml_shim_fault *fault)
{
    *fault = toml_shim_fault{};
    try {
        toml::table root = toml::parse(std::string_view(text, n));
        Walk w = {visit, context, fault, TOML_SHIM_OK};
        (void)walk(w, root, std::string());
        return w.result;
    } catch (const toml::parse_error &e) {
        fault->line = static_cast<unsigned>(e.source().begin.line);
        fault->column = static_cast<unsigned>(e.source().begin.column);
        std::string_view why = e.description();
        (void)std::snprintf(fault->message, sizeof fault->message, "%.*s",
                            static_cast<int>(why.size() < 199 ? why.size() : 199), why.data());
        return TOML_SHIM_SYNTAX;
    } catch (const std::bad_alloc &) {
        return TOML_SHIM_NOMEM;
    } catch (...) {
        (void)std::snprintf(fault->message, sizeof fault->message, "it cannot be read");
        return TOML_SHIM_SYNTAX;
    }
}
