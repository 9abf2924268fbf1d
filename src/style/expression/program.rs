//! An expression made into a list of instructions over columns of values.
//!
//! Constants are folded, what is computed twice is computed once, and a column is used again when nobody reads it any more.

use std::collections::HashMap;

use super::arithmetic::{Binary, Unary, whole};
use super::function::Function;
use super::{Expression, Node};

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Unary(Unary),
    Binary(Binary),
    /// The second where the first is true, otherwise the third.
    Where,
}

/// What an instruction works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operand {
    /// One number for all pixels, by its bits, which can be compared.
    Constant(u32),
    /// A column of numbers.
    Column(usize),
}

/// Fills a column.
#[derive(Debug, Clone)]
pub(super) struct Instruction {
    pub(super) op: Op,
    /// As many as `op` has; the others are constants.
    pub(super) operands: [Operand; 3],
    /// The column that is filled: none of the operands.
    pub(super) dst: usize,
}

/// Instructions for a chunk of pixels.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// Pairs of a column and the band, a place in [`Expression::bands`], that it is filled with at first.
    pub(super) loads: Vec<(usize, usize)>,
    pub(super) instructions: Vec<Instruction>,
    pub(super) outputs: Vec<Operand>,
    pub(super) n_columns: usize,
}

impl Program {
    pub(super) fn new(expression: &Expression) -> Self {
        let mut steps = Steps::default();
        let mut values: Vec<Operand> = Vec::with_capacity(expression.nodes.len());
        for node in &expression.nodes {
            values.push(steps.node(node, &values));
        }
        let outputs = expression.outputs.iter().map(|&node| values[node]);
        steps.allocated(outputs.collect())
    }
}

/// A step fills a column of its own; the number of the column is the step's place.
#[derive(Clone, Copy)]
enum Step {
    Load(usize),
    Do(Op, [Operand; 3]),
}

#[derive(Default)]
struct Steps {
    steps: Vec<Step>,
    /// What was done already, and where it is.
    done: HashMap<(Op, [Operand; 3]), usize>,
    loaded: HashMap<usize, usize>,
}

/// Stands where an operation has less than three operands.
const NONE: Operand = Operand::Constant(0);

fn constant(number: f32) -> Operand {
    Operand::Constant(number.to_bits())
}

impl Steps {
    fn node(&mut self, node: &Node, values: &[Operand]) -> Operand {
        match *node {
            Node::Number(number) => constant(number),
            Node::Band(band) => {
                let next = self.steps.len();
                let column = *self.loaded.entry(band).or_insert(next);
                if column == next {
                    self.steps.push(Step::Load(band));
                }
                Operand::Column(column)
            }
            Node::Unary(op, of) => self.unary(op, values[of]),
            Node::Binary(op, left, right) => self.binary(op, values[left], values[right]),
            Node::Call(function, ref arguments) => {
                let arguments: Vec<Operand> = arguments.iter().map(|&a| values[a]).collect();
                self.call(function, &arguments)
            }
        }
    }

    fn call(&mut self, function: Function, arguments: &[Operand]) -> Operand {
        match (function, arguments) {
            (Function::One(op), &[a]) => self.unary(op, a),
            (Function::Two(op), &[a, b]) => self.binary(op, a, b),
            (Function::Many(op), &[first, ref others @ ..]) => others
                .iter()
                .fold(first, |so_far, &next| self.binary(op, so_far, next)),
            (Function::Where, &[condition, a, b]) => match condition {
                Operand::Constant(bits) if f32::from_bits(bits) != 0.0 => a,
                Operand::Constant(_) => b,
                Operand::Column(_) => self.done(Op::Where, [condition, a, b]),
            },
            (Function::Clip, &[value, least, greatest]) => {
                let raised = self.binary(Binary::Max, value, least);
                self.binary(Binary::Min, raised, greatest)
            }
            _ => unreachable!("the parser counts arguments"),
        }
    }

    fn unary(&mut self, op: Unary, of: Operand) -> Operand {
        match of {
            Operand::Constant(bits) => constant(op.of(f32::from_bits(bits))),
            Operand::Column(_) => self.done(Op::Unary(op), [of, NONE, NONE]),
        }
    }

    fn binary(&mut self, op: Binary, a: Operand, b: Operand) -> Operand {
        match (a, b) {
            (Operand::Constant(a), Operand::Constant(b)) => {
                constant(op.of(f32::from_bits(a), f32::from_bits(b)))
            }
            (_, Operand::Constant(exponent)) if op == Binary::Power => {
                self.power(a, f32::from_bits(exponent))
            }
            _ => self.done(Op::Binary(op), [a, b, NONE]),
        }
    }

    /// The same numbers as by [`Binary::Power`], with less work.
    fn power(&mut self, base: Operand, exponent: f32) -> Operand {
        match whole(exponent) {
            Some(0) => constant(1.0),
            Some(1) => base,
            // Exact in f64, hence rounded once, as this is.
            Some(2) => self.binary(Binary::Multiply, base, base),
            Some(n) => self.unary(Unary::Whole(n), base),
            None if exponent == 0.5 => self.unary(Unary::Sqrt, base),
            None => self.done(Op::Binary(Binary::Power), [base, constant(exponent), NONE]),
        }
    }

    fn done(&mut self, op: Op, operands: [Operand; 3]) -> Operand {
        let next = self.steps.len();
        let column = *self.done.entry((op, operands)).or_insert(next);
        if column == next {
            self.steps.push(Step::Do(op, operands));
        }
        Operand::Column(column)
    }

    /// Where each column is read last: `None` if nothing that is put out depends on it. Outputs are read at the end.
    fn last_reads(&self, outputs: &[Operand]) -> Vec<Option<usize>> {
        let mut last = vec![None; self.steps.len()];
        let read = |last: &mut [Option<usize>], operands: &[Operand], at: usize| {
            for operand in operands {
                if let Operand::Column(column) = *operand {
                    last[column].get_or_insert(at);
                }
            }
        };
        read(&mut last, outputs, self.steps.len());
        for (at, step) in self.steps.iter().enumerate().rev() {
            if let (Step::Do(_, operands), Some(_)) = (step, last[at]) {
                read(&mut last, operands, at);
            }
        }
        last
    }

    /// The program, in as few columns as are in use at once.
    fn allocated(self, outputs: Vec<Operand>) -> Program {
        let last = self.last_reads(&outputs);
        let mut program = Program {
            loads: Vec::new(),
            instructions: Vec::new(),
            outputs: Vec::new(),
            n_columns: 0,
        };
        // Loads come before all instructions, so their columns are not shared with earlier ones.
        let mut places = vec![usize::MAX; self.steps.len()];
        for (at, step) in self.steps.iter().enumerate() {
            if let (&Step::Load(band), Some(_)) = (step, last[at]) {
                places[at] = program.n_columns;
                program.loads.push((program.n_columns, band));
                program.n_columns += 1;
            }
        }
        let placed = |operand: Operand, places: &[usize]| match operand {
            Operand::Column(column) => Operand::Column(places[column]),
            number => number,
        };
        let mut free = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let (&Step::Do(op, operands), Some(_)) = (step, last[at]) else {
                continue;
            };
            // Before those of the operands are free, for it must be none of them.
            let dst = free.pop().unwrap_or(program.n_columns);
            program.n_columns = program.n_columns.max(dst + 1);
            places[at] = dst;
            program.instructions.push(Instruction {
                op,
                operands: operands.map(|operand| placed(operand, &places)),
                dst,
            });
            for operand in operands {
                if let Operand::Column(column) = operand
                    && last[column] == Some(at)
                    && !free.contains(&places[column])
                {
                    free.push(places[column]);
                }
            }
        }
        program.outputs = outputs.iter().map(|&o| placed(o, &places)).collect();
        program
    }
}
