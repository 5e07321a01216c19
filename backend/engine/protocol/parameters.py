"""Which literals of a query may become Params, so that one plan serves every value of a shape.

Prisma's DMMF says of each input field what it accepts and whether it `isParameterizable`.
`graph` boils that down, when the client is generated, to the few facts that `protocol.py` needs
while it walks a call; `ParameterGraph` is that graph at run time. The rule is that of
@prisma/param-graph-builder 7.10, with one addition: an edge also names the scalar type, so that
a Python value which Prisma Client Python sends as text (a date, a decimal) gets its right type.

    node    {field name: edge}: the fields of an input type (or of several, where one may choose)
    edge    what a field accepts: Params of these scalar types, alone or in lists; an enum; a node
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_ACTIONS = (
    "aggregate",
    "createMany",
    "createOne",
    "deleteMany",
    "deleteOne",
    "findFirst",
    "findFirstOrThrow",
    "findMany",
    "findUnique",
    "findUniqueOrThrow",
    "groupBy",
    "updateMany",
    "updateOne",
    "upsertOne",
)
"""Those that Prisma Client Python sends."""

_COMPARISONS = ("lt", "lte", "gt", "gte")
"""Of a JSON filter: the SQL depends on the value's type, and the compiler panics on a Param there.
Prisma's client never sends one, as it knows plain values where we have the Json wrapper."""


class Edge(NamedTuple):
    scalars: frozenset[str]
    """Scalar types ("String", "DateTime", ...) that a single value may have as a Param."""
    lists: frozenset[str]
    """The same for the items of a list that becomes one Param."""
    enum: Mapping[str, str] | None
    """Name -> database value of the enum whose values may become a Param."""
    enum_lists: bool
    child: Node | None
    """Where to go on inside an object, or inside each object of a list."""


class Node(dict[str, Edge]):
    """The fields of an input type."""


class OutputEdge(NamedTuple):
    arguments: Node | None
    selection: OutputNode | None


class OutputNode(dict[str, OutputEdge]):
    """The relations of a model, which `include` may select with arguments."""


class Root(NamedTuple):
    arguments: Node | None
    selection: OutputNode | None


def graph(dmmf: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter graph of a DMMF, as JSON-serialisable data."""
    return _Derivation(dmmf).derive()


class _Derivation:
    def __init__(self, dmmf: Mapping[str, Any]) -> None:
        schema = dmmf["schema"]
        self._dmmf = dmmf
        self._input_types = _by_name(schema["inputObjectTypes"])
        self._output_types = _by_name(schema["outputObjectTypes"])
        self._inputs: list[dict[str, list[Any]]] = []
        self._input_ids: dict[str, int] = {}
        self._outputs: list[dict[str, list[Any]]] = []
        self._output_ids: dict[str, int] = {}
        self._pending: list[tuple[int, list[Mapping[str, Any]]]] = []

    def derive(self) -> dict[str, Any]:
        fields = {}
        for root in ("Query", "Mutation"):
            for field in self._output_types.get(f"prisma.{root}", {}).get("fields", ()):
                fields[field["name"]] = field
        roots = {}
        for mapping in self._dmmf["mappings"]["modelOperations"]:
            for action in _ACTIONS:
                field = fields.get(mapping.get(action))
                if field is not None:
                    roots[f"{mapping['model']}.{action}"] = [
                        self._arguments(field["args"]),
                        self._output(field["outputType"]),
                    ]
        # Input types refer to each other; filling them in from a list keeps the stack shallow.
        while self._pending:
            node, variants = self._pending.pop()
            self._inputs[node] = self._edges(variants)
        enums = {
            enum["name"]: {v["name"]: v.get("dbName") or v["name"] for v in enum["values"]}
            for enum in self._dmmf["datamodel"]["enums"]
        }
        return {"roots": roots, "inputs": self._inputs, "outputs": self._outputs, "enums": enums}

    def _arguments(self, args: list[Mapping[str, Any]]) -> int:
        self._inputs.append({})
        node = len(self._inputs) - 1
        self._pending.append((node, args))
        return node

    def _input(self, names: Iterable[str]) -> int | None:
        known = sorted({name for name in names if name in self._input_types})
        if not known:
            return None
        key = "|".join(known)
        if key not in self._input_ids:
            fields = [field for name in known for field in self._input_types[name]["fields"]]
            self._input_ids[key] = self._arguments(fields)
        return self._input_ids[key]

    def _edges(self, fields: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
        variants: dict[str, list[Mapping[str, Any]]] = {}
        for field in fields:
            variants.setdefault(field["name"], []).append(field)
        return {
            name: edge for name, same in variants.items() if (edge := self._edge(same)) is not None
        }

    def _edge(self, variants: list[Mapping[str, Any]]) -> list[Any] | None:
        scalars: set[str] = set()
        lists: set[str] = set()
        enum: str | None = None
        enum_lists = False
        children: set[str] = set()
        for field in variants:
            for accepted in field["inputTypes"]:
                location = accepted["location"]
                if location == "inputObjectTypes":
                    children.add(_type_name(accepted))
                elif (
                    not field["isParameterizable"]
                    or accepted["type"] == "Null"
                    or (accepted["type"] == "Json" and field["name"] in _COMPARISONS)
                ):
                    continue
                elif location == "scalar":
                    (lists if accepted["isList"] else scalars).add(accepted["type"])
                elif location == "enumTypes" and accepted.get("namespace") == "model":
                    enum = accepted["type"]
                    enum_lists = enum_lists or accepted["isList"]
        child = self._input(children) if children else None
        if not (scalars or lists or enum) and child is None:
            return None
        return [sorted(scalars), sorted(lists), enum, enum_lists, child]

    def _output(self, output: Mapping[str, Any]) -> int | None:
        if output["location"] != "outputObjectTypes":
            return None
        name = _type_name(output)
        if name not in self._output_types:
            return None
        if name not in self._output_ids:
            self._outputs.append({})
            node = self._output_ids[name] = len(self._outputs) - 1
            for field in self._output_types[name]["fields"]:
                arguments = self._arguments(field["args"]) if field["args"] else None
                selection = self._output(field["outputType"])
                if arguments is not None or selection is not None:
                    self._outputs[node][field["name"]] = [arguments, selection]
        return self._output_ids[name]


def _by_name(types: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, Mapping[str, Any]]:
    return {
        f"{namespace}.{type_['name']}": type_
        for namespace in ("prisma", "model")
        for type_ in types.get(namespace) or ()
    }


def _type_name(reference: Mapping[str, Any]) -> str:
    return f"{reference['namespace']}.{reference['type']}"


class ParameterGraph:
    """The graph that `graph` derived, with its references resolved."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        inputs = [Node() for _ in data["inputs"]]
        for node, edges in zip(inputs, data["inputs"], strict=True):
            for name, (scalars, lists, enum, enum_lists, child) in edges.items():
                node[name] = Edge(
                    frozenset(scalars),
                    frozenset(lists),
                    None if enum is None else data["enums"][enum],
                    enum_lists,
                    None if child is None else inputs[child],
                )
        outputs = [OutputNode() for _ in data["outputs"]]
        for output, output_edges in zip(outputs, data["outputs"], strict=True):
            for name, (arguments, selection) in output_edges.items():
                output[name] = OutputEdge(
                    None if arguments is None else inputs[arguments],
                    None if selection is None else outputs[selection],
                )
        self._roots = {
            name: Root(
                None if arguments is None else inputs[arguments],
                None if selection is None else outputs[selection],
            )
            for name, (arguments, selection) in data["roots"].items()
        }

    def root(self, model: str, action: str) -> Root:
        """Where the walk of a query starts. An unknown action has nothing to parameterise: the
        compiler says what is wrong with it."""
        return self._roots.get(f"{model}.{action}", _NOWHERE)


_NOWHERE = Root(None, None)
