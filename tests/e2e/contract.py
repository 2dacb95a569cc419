# SPDX-License-Identifier: MIT OR Apache-2.0
"""An OpenAPI document as a contract: is this answer one that it describes, and was each of its doors tried?"""
import re

import yaml

from support import Failed, expect

KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


class Contract:
    def __init__(self, path):
        self.document = yaml.safe_load(path.read_text())
        self.tried = set()

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def door(self, method, path):
        """(pattern, its description) of a request; Failed when the document has none."""
        for pattern, item in self.document["paths"].items():
            if method.lower() in item and re.fullmatch(re.sub(r"\{[a-z]+\}", "[^/]+", pattern), path):
                return pattern, item[method.lower()]
        raise Failed(f"{method} {path} is not described")

    def check(self, method, path, status, content_type, answer):
        """An answer as it came: JSON parsed, anything else as text."""
        pattern, door = self.door(method, path.partition("?")[0])
        self.tried.add((method, pattern))
        expect(str(status) in door["responses"], f"{method} {pattern} answers {status}, which is not described: {answer}")
        response = self.resolve(door["responses"][str(status)])
        kind = content_type.partition(";")[0].strip()
        expect(kind in response["content"], f"{method} {pattern} answers {kind}")
        if kind == "application/json":
            self.fits(answer, response["content"][kind]["schema"], f"{method} {pattern} {status}")

    def fits(self, value, schema, where):
        schema = self.resolve(schema)
        if value is None:
            return expect(schema.get("nullable"), f"{where} is null")
        kind = KINDS[schema["type"]]
        expect(type(value) is kind, f"{where} is {value!r}, not of type {schema['type']}")
        expect(value in schema.get("enum", [value]), f"{where} is {value!r}, not one of {schema.get('enum')}")
        if kind is list:
            for i, item in enumerate(value):
                self.fits(item, schema["items"], f"{where}[{i}]")
        if kind is dict:
            missing = set(schema.get("required", [])) - set(value)
            expect(not missing, f"{where} has no {sorted(missing)}")
            for name, item in value.items():
                expect("properties" not in schema or name in schema["properties"], f"{where}.{name} is not described")
                self.fits(item, schema["properties"][name], f"{where}.{name}")
        return None

    def untried(self):
        return sorted((m.upper(), p) for p, item in self.document["paths"].items() for m in item
                      if m in ("get", "post", "put", "delete") and (m.upper(), p) not in self.tried)
