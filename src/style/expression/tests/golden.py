"""Writes numexpr.txt: what numexpr makes of expressions in f32.

    pip install numexpr && python golden.py > numexpr.txt

Python reads the expressions (so precedence is its own). Then literals become arrays of f32, or numexpr would compute in f64,
and functions that it has not got are written with `where`. Exponents stay, because numexpr treats them in a way of its own.
"""

import ast

import numexpr
import numpy as np

BANDS = {
    "b1": [0.0, 1.0, 0.25, 3.5, -2.5, 120.0, 1234.0, -7.0, 0.1, 65535.0, 2.5, -0.75],
    "b2": [1.0, 1.0, 0.75, -1.5, 2.0, 80.0, 4321.0, 3.0, 0.3, 1.0, 0.0, -0.5],
    "b3": [2.0, 0.0, 0.5, 2.0, -3.25, 7.0, 10000.0, -2.0, -0.6, 255.0, 4.0, 1.5],
}

EXPRESSIONS = """
b1 + b2 * b3
(b1 + b2) * b3
b1 - b2 - b3
b1 - (b2 - b3)
b1 / b2 / b3
b1 / (b2 / b3)
b1 / b2 * b3
b1 * b2 % b3
b1 % b2
-b1 % b2
7 % b3
b1 % -b3
-b1 ** 2
(-b1) ** 2
-b1 * -b2
- -b1
+b1 - +b2
b1 ** 2 ** b2
(b1 ** 2) ** 3
2 ** -b2
2 * b1 ** -1 * b2
b1 ** 0
b1 ** 1
b1 ** 3
b1 ** 7
b1 ** -4
b1 ** 0.5
abs(b1) ** 1.5
b1 ** b2
(b1 - b2) / (b1 + b2)
2.5 * (b1 - b2) / (b1 + 6 * b2 - 7.5 * b3 + 1)
(b1 - b2) / (b1 + b2 + 0.5) * 1.5
(b1 - b2) / (b1 + b2) > 0.1
b1 + 1 < b2 * 2
(b1 < b2) + 0
(b1 <= b2) * 1.0
(b1 > b2) * b3
(b1 >= b2) * b3 + 1
(b1 == b2) * 2
(b1 != b2) * 2
(b1 > 1) & (b2 > 1) | (b3 > 1)
(b1 > 1) & ((b2 > 1) | (b3 > 1))
~(b1 > 1) | (b2 > 1)
~((b1 > 1) | (b2 > 1))
(b1 > 0) == (b2 > 0)
(b1 > 0) != (b2 > 0) & (b3 > 0)
where(b1 > b2, b1, b2)
where(b2 != 0, b1 / b2, -1)
where(b1 > 0, where(b2 > 0, 1, 2), where(b3 > 0, 3, 4))
where((b1 > 0) & (b2 > 0), b1 * b2, 0.5)
min(b1, b2)
min(b1, b2, b3)
max(b1, b2 + 1, b3 * 2, 0)
clip(b1, 0, 100)
clip(b1 / 10, b3 - 5, b3 + 5)
abs(b1 - b2)
sqrt(b1)
log(b1)
log10(b1 + 3)
exp(b2 / 100)
exp(-b1)
sin(b1) ** 2 + cos(b1) ** 2
tan(b1 / 10)
arcsin(b1 / 4)
arccos(b2 / 4)
arctan(b1)
arctan2(b1, b2)
floor(b1 / 3)
ceil(b1 / 3)
round(b1)
round(b1 * 4) / 4 - floor(b2)
b1 * pi / 180
1 / (1 + exp(-(b1 - 100) / 50))
10 ** (b2 / 100)
sqrt(b1 ** 2 + b2 ** 2 + b3 ** 2)
"""


class Translated(ast.NodeTransformer):
    def __init__(self):
        self.names = {name: np.array(values, "f4") for name, values in BANDS.items()}

    def literal(self, value):
        name = f"c{len(self.names)}"
        self.names[name] = np.float32(value)
        return ast.Name(name)

    def visit_Constant(self, node):
        return self.literal(node.value)

    def visit_Name(self, node):
        return self.literal(np.pi) if node.id == "pi" else node

    def visit_BinOp(self, node):
        node.left = self.visit(node.left)
        exponent = isinstance(node.op, ast.Pow) and (
            isinstance(node.right, ast.Constant)
            or isinstance(node.right, ast.UnaryOp) and isinstance(node.right.operand, ast.Constant)
        )
        if not exponent:
            node.right = self.visit(node.right)
        return node

    def visit_Call(self, node):
        node.args = [self.visit(arg) for arg in node.args]

        def choice(sign, a, b):
            compared = ast.Compare(a, [sign], [b])
            return ast.Call(ast.Name("where"), [compared, a, b], [])

        match node.func.id:
            case "min" | "max" as name:
                sign = ast.Lt() if name == "min" else ast.Gt()
                so_far, *others = node.args
                for other in others:
                    so_far = choice(sign, so_far, other)
                return so_far
            case "clip":
                value, least, greatest = node.args
                return choice(ast.Lt(), choice(ast.Gt(), value, least), greatest)
        return node


numexpr.set_num_threads(1)
print(f"# Written by golden.py with numexpr {numexpr.__version__}, numpy {np.__version__}.")
for name, values in BANDS.items():
    print(name, *(np.float32(value) for value in values), sep="\t")
for expression in EXPRESSIONS.strip().splitlines():
    translated = Translated()
    text = ast.unparse(translated.visit(ast.parse(expression, mode="eval")))
    result = numexpr.evaluate(text, translated.names)
    # It rounds to f64, of whole numbers here.
    assert "round" in text or result.dtype in ("f4", "bool", "i4"), (text, result.dtype)
    result = np.broadcast_to(result.astype("f4"), (len(BANDS["b1"]),))
    print(expression, *result, sep="\t")
