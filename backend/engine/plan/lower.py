"""Query plans, lowered node by node.

Each node becomes a `_Lowered`: either pure, a function from the scope to a value, or a generator
function, which yields statements on the way to its value (see `drivers/driver.py`). A node is pure
when all its children are, which is known here, so that pure parts run without generators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..drivers.driver import Program, Provider, Rows, Statement
from ..errors import EngineError
from .data_map import DataMap, Decoders, JsonForm
from .records import (
    as_list,
    attach_children,
    difference,
    is_empty,
    lower_field_operation,
    lower_operations,
    map_field,
)
from .rules import lower_rule, lower_rules, violation
from .statements import SqlTemplate
from .values import Scope, lower_value

PlanNode = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A query's shape, ready to run."""

    program: Callable[[Scope], Program]
    """Starts a run for these Param values. A run may change the scope that it gets."""
    reads_only: bool
    atomic: bool
    """Several statements that must all take effect, or none."""
    single: Single | None = None
    """The same for a plan that is one statement, which then needs no program."""


class Single(NamedTuple):
    """One statement with a fixed text, and what becomes of its result."""

    statement: Statement
    arguments: Callable[[Scope], Sequence[Any]]
    finish: Callable[[Any, Scope], Any]


def lower_plan(
    node: PlanNode,
    *,
    provider: Provider,
    decoders: Decoders,
    max_bind_values: int,
    reads_only: bool,
    form: JsonForm | None = None,
) -> Plan:
    """Lower a compiled plan for one database. With a `form`, its records get that form, and
    `decoders` must make values of JSON.

    Raises EngineError where the plan holds something unknown, naming it."""
    lowering = _Lowering(provider, decoders, max_bind_values, form)
    lowered = lowering.lower(node)
    program = lowered.run if not lowered.pure else _program_of_pure(lowered.run)
    atomic = lowering.has_transaction or lowering.may_split
    return Plan(program, reads_only, atomic, lowered.single)


class _Lowered(NamedTuple):
    pure: bool
    run: Callable[[Scope], Any]
    single: Single | None = None


def _program_of_pure(run: Callable[[Scope], Any]) -> Callable[[Scope], Program]:
    def program(scope: Scope) -> Program:
        yield from ()  # makes this a generator function
        return run(scope)

    return program


def _then(child: _Lowered, work: Callable[[Any], Any]) -> _Lowered:
    """The child's value, worked on."""
    return _then_in_scope(child, lambda value, scope: work(value))


def _then_in_scope(child: _Lowered, work: Callable[[Any, Scope], Any]) -> _Lowered:
    run_child = child.run
    if child.pure:
        return _Lowered(True, lambda scope: work(run_child(scope), scope))

    def run(scope: Scope) -> Program:
        return work((yield from run_child(scope)), scope)

    single = child.single
    if single is not None:
        finish = single.finish
        single = single._replace(finish=lambda result, scope: work(finish(result, scope), scope))
    return _Lowered(False, run, single)


def _collect(children: Sequence[_Lowered], work: Callable[[list[Any]], Any]) -> _Lowered:
    """All the children's values, in order, worked on together.

    Prisma's runtime runs children at the same time; a connection does one thing at a time."""
    if all(child.pure for child in children):
        return _Lowered(True, lambda scope: work([child.run(scope) for child in children]))

    def run(scope: Scope) -> Program:
        values = []
        for child in children:
            values.append(child.run(scope) if child.pure else (yield from child.run(scope)))
        return work(values)

    return _Lowered(False, run)


class _Lowering:
    def __init__(
        self,
        provider: Provider,
        decoders: Decoders,
        max_bind_values: int,
        form: JsonForm | None = None,
    ) -> None:
        self._provider = provider
        self._form = form
        self._decoders = decoders
        self._max_bind_values = max_bind_values
        self.has_transaction = False
        self.may_split = False
        self._arms: dict[str, Callable[[Any], _Lowered]] = {
            "value": self._value,
            "seq": self._seq,
            "get": self._get,
            "let": self._let,
            "getFirstNonEmpty": self._get_first_non_empty,
            "query": self._query,
            "execute": self._execute,
            "reverse": self._reverse,
            "sum": self._sum,
            "concat": self._concat,
            "unique": self._unique,
            "required": self._required,
            "join": self._join,
            "mapField": self._map_field,
            "transaction": self._transaction,
            "dataMap": self._data_map,
            "validate": self._validate,
            "if": self._if,
            "unit": self._unit,
            "diff": self._diff,
            "initializeRecord": self._initialize_record,
            "mapRecord": self._map_record,
            "process": self._process,
        }

    def lower(self, node: PlanNode) -> _Lowered:
        arm = self._arms.get(node["type"])
        if arm is None:
            raise EngineError(None, f"Unknown node in the query plan: {node['type']!r}")
        return arm(node.get("args"))

    # Values and names

    def _value(self, args: Any) -> _Lowered:
        return _Lowered(True, lower_value(args))

    def _unit(self, args: Any) -> _Lowered:
        return _Lowered(True, lambda scope: None)

    def _get(self, args: Any) -> _Lowered:
        name = args["name"]
        return _Lowered(True, lambda scope: scope.get(name))

    def _get_first_non_empty(self, args: Any) -> _Lowered:
        names = args["names"]

        def run(scope: Scope) -> Any:
            for name in names:
                if not is_empty(value := scope.get(name)):
                    return value
            return []

        return _Lowered(True, run)

    def _let(self, args: Any) -> _Lowered:
        bindings = [(one["name"], self.lower(one["expr"])) for one in args["bindings"]]
        return self._bind(bindings, self.lower(args["expr"]))

    def _bind(self, bindings: list[tuple[str, _Lowered]], expr: _Lowered) -> _Lowered:
        if expr.pure and all(binding.pure for _, binding in bindings):

            def run_pure(scope: Scope) -> Any:
                inner = dict(scope)
                for name, binding in bindings:
                    inner[name] = binding.run(inner)
                return expr.run(inner)

            return _Lowered(True, run_pure)

        def run(scope: Scope) -> Program:
            inner = dict(scope)
            for name, binding in bindings:
                inner[name] = (
                    binding.run(inner) if binding.pure else (yield from binding.run(inner))
                )
            return expr.run(inner) if expr.pure else (yield from expr.run(inner))

        return _Lowered(False, run)

    # Statements

    def _query(self, args: Any) -> _Lowered:
        return _then(self._rows(args), _records)

    def _rows(self, args: Any) -> _Lowered:
        """A query's rows as the driver gives them."""
        template = self._template(args, returns_rows=True)
        if template.is_fixed:
            statement = template.statement

            def run_fixed(scope: Scope) -> Program:
                return (yield statement, template.arguments(scope))

            return _Lowered(False, run_fixed, Single(statement, template.arguments, _as_it_is))

        def run(scope: Scope) -> Program:
            first, *others = template.render(scope)
            rows = yield first
            if others:
                records = list(rows.records)
                for rendered in others:
                    records += (yield rendered).records
                rows = rows._replace(records=records)
            return rows

        return _Lowered(False, run)

    def _execute(self, args: Any) -> _Lowered:
        template = self._template(args, returns_rows=False)

        def run(scope: Scope) -> Program:
            affected = 0
            for rendered in template.render(scope):
                affected += yield rendered
            return affected

        if template.is_fixed:
            return _Lowered(False, run, Single(template.statement, template.arguments, _as_it_is))
        return _Lowered(False, run)

    def _template(self, args: Any, *, returns_rows: bool) -> SqlTemplate:
        template = SqlTemplate(
            args, returns_rows=returns_rows, max_bind_values=self._max_bind_values
        )
        self.may_split = self.may_split or not (returns_rows or template.is_fixed)
        return template

    def _transaction(self, args: Any) -> _Lowered:
        self.has_transaction = True
        return self.lower(args)

    # Results

    def _data_map(self, args: Any) -> _Lowered:
        data_map = DataMap(args["structure"], args["enums"], self._decoders, self._form)
        return self._mapped(args["expr"], data_map)

    def _mapped(self, expr: PlanNode, data_map: DataMap) -> _Lowered:
        if data_map.maps_rows:
            if expr["type"] == "query":
                return _then(self._rows(expr["args"]), data_map.from_rows)
            if expr["type"] == "unique" and expr["args"]["type"] == "query":
                rows = self._rows(expr["args"]["args"])
                return _then(rows, lambda found: _only(data_map.from_rows(found)))
            if expr["type"] == "let":
                inner = expr["args"]
                bindings = [(one["name"], self.lower(one["expr"])) for one in inner["bindings"]]
                return self._bind(bindings, self._mapped(inner["expr"], data_map))
        return _then(self.lower(expr), data_map.apply)

    def _unique(self, args: Any) -> _Lowered:
        return _then(self.lower(args), _only)

    def _required(self, args: Any) -> _Lowered:
        def check(value: Any) -> Any:
            if is_empty(value):
                raise EngineError(None, "Required value is empty")
            return value

        return _then(self.lower(args), check)

    def _reverse(self, args: Any) -> _Lowered:
        return _then(
            self.lower(args), lambda value: value[::-1] if isinstance(value, list) else value
        )

    def _map_field(self, args: Any) -> _Lowered:
        field = args["field"]
        return _then(self.lower(args["records"]), lambda value: map_field(value, field))

    def _process(self, args: Any) -> _Lowered:
        return _then_in_scope(self.lower(args["expr"]), lower_operations(args["operations"]))

    def _map_record(self, args: Any) -> _Lowered:
        operations = {name: lower_field_operation(node) for name, node in args["fields"].items()}

        def work(value: Any, scope: Scope) -> Any:
            record = {} if value is None else value
            for name, operate in operations.items():
                record[name] = operate(record.get(name), scope)
            return record

        return _then_in_scope(self.lower(args["expr"]), work)

    def _initialize_record(self, args: Any) -> _Lowered:
        fields = {}
        for name, initializer in args["fields"].items():
            if initializer["type"] != "value":
                # lastInsertId: only for databases without RETURNING, none of which is ours.
                kind = initializer["type"]
                raise EngineError(
                    None, f"Field initializer {kind!r} is not supported on {self._provider}"
                )
            fields[name] = lower_value(initializer["value"])
        return _then_in_scope(
            self.lower(args["expr"]),
            lambda value, scope: {name: get(scope) for name, get in fields.items()},
        )

    # Several children

    def _seq(self, args: Any) -> _Lowered:
        return _collect(
            [self.lower(node) for node in args], lambda values: values[-1] if values else None
        )

    def _sum(self, args: Any) -> _Lowered:
        return _collect([self.lower(node) for node in args], sum)

    def _concat(self, args: Any) -> _Lowered:
        return _collect(
            [self.lower(node) for node in args],
            lambda values: [item for value in values for item in as_list(value)],
        )

    def _diff(self, args: Any) -> _Lowered:
        fields = args["fields"]
        return _collect(
            [self.lower(args["from"]), self.lower(args["to"])],
            lambda values: difference(values[0], values[1], fields),
        )

    def _join(self, args: Any) -> _Lowered:
        parent = self.lower(args["parent"])
        joins = [(self.lower(join["child"]), join) for join in args["children"]]

        def run(scope: Scope) -> Program:
            records = parent.run(scope) if parent.pure else (yield from parent.run(scope))
            if records is None:
                return None
            for child, join in joins:
                found = child.run(scope) if child.pure else (yield from child.run(scope))
                attach_children(records, found, join)
            return records

        return _Lowered(False, run)

    # Conditions

    def _validate(self, args: Any) -> _Lowered:
        holds = lower_rules(args["rules"])
        identifier, context = args["errorIdentifier"], args["context"]

        def check(value: Any) -> Any:
            if not holds(value):
                raise violation(identifier, context, value)
            return value

        checked = _then(self.lower(args["expr"]), check)
        if all(rule == {"type": "rowCountNeq", "args": 0} for rule in args["rules"]):
            return checked  # where it does not hold, the statement has changed nothing
        return checked._replace(single=None)  # what it has changed must be undone with the program

    def _if(self, args: Any) -> _Lowered:
        value = self.lower(args["value"])
        holds = lower_rule(args["rule"])
        branches = (self.lower(args["else"]), self.lower(args["then"]))

        def run(scope: Scope) -> Program:
            condition = value.run(scope) if value.pure else (yield from value.run(scope))
            branch = branches[holds(condition)]
            return branch.run(scope) if branch.pure else (yield from branch.run(scope))

        return _Lowered(False, run)


def _as_it_is(result: Any, scope: Scope) -> Any:
    return result


def _records(rows: Rows) -> list[dict[str, Any]]:
    columns = rows.columns
    return [dict(zip(columns, record, strict=True)) for record in rows.records]


def _only(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if len(value) > 1:
        raise EngineError(None, f"Expected zero or one element, got {len(value)}")
    return value[0] if value else None
