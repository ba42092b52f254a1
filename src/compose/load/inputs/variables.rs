//! The variables for interpolation, where they are set, and how the files use them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::compose::load::request::Variable;
use crate::compose::load::tree::template::{Operator, Reference, Scope};
use crate::yaml::Span;

/// Values by name; the process's environment wins over env files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    values: HashMap<String, Value>,
}

#[derive(Debug, Clone)]
struct Value {
    text: String,
    set_by: Option<Rc<Path>>,
    set_at: Option<Span>,
}

impl Environment {
    /// The process's environment.
    pub(crate) fn of_process(variables: &BTreeMap<String, String>) -> Self {
        let values = variables
            .iter()
            .map(|(name, text)| (name.clone(), Value { text: text.clone(), set_by: None, set_at: None }))
            .collect();
        Self { values }
    }

    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.as_str())
    }

    /// The env file that set a variable.
    pub(crate) fn set_by(&self, name: &str) -> Option<&Path> {
        self.values.get(name)?.set_by.as_deref()
    }

    /// Where an env file set a variable.
    fn set_at(&self, name: &str) -> Option<Span> {
        self.values.get(name)?.set_at
    }

    /// Sets a variable whatever it was before.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.values.insert(name.to_owned(), Value { text: text.to_owned(), set_by: None, set_at: None });
    }

    /// Adds the variables of an env file that are not set yet.
    pub(crate) fn add_file(
        &mut self,
        file: &Path,
        variables: impl IntoIterator<Item = (String, String, Span)>,
    ) {
        let file: Rc<Path> = file.into();
        for (name, text, span) in variables {
            let value = || Value { text, set_by: Some(Rc::clone(&file)), set_at: Some(span) };
            self.values.entry(name).or_insert_with(value);
        }
    }

    /// All of them, sorted.
    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        self.values.iter().map(|(name, value)| (name.clone(), value.text.clone())).collect()
    }
}

/// What the files ask, gathered while they are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    pub(crate) by_name: BTreeMap<String, Variable>,
}

/// One scalar's view of the variables.
pub(crate) struct ScalarScope<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) uses: &'a mut Uses,
    /// The place of the scalar.
    pub(crate) span: Span,
    /// Names without a value and without an operator: they become empty, which deserves a warning.
    pub(crate) unset: Vec<String>,
    /// Whether any variable was named.
    pub(crate) asked: bool,
}

impl Scope for ScalarScope<'_> {
    fn value(&self, name: &str) -> Option<String> {
        self.environment.get(name).map(str::to_owned)
    }

    fn used(&mut self, reference: Reference<'_>) {
        self.asked = true;
        let name = reference.name;
        let value = self.environment.get(name);
        if value.is_none()
            && matches!(reference.operator, Operator::None)
            && !self.unset.iter().any(|seen| seen == name)
        {
            self.unset.push(name.to_owned());
        }
        let variable = match self.uses.by_name.get_mut(name) {
            Some(variable) => variable,
            None => self.uses.by_name.entry(name.to_owned()).or_insert_with(|| Variable {
                value: value.map(str::to_owned),
                set_by: self.environment.set_by(name).map(PathBuf::from),
                set_at: self.environment.set_at(name),
                ..Variable::default()
            }),
        };
        let operand = || Some(reference.operand.to_owned());
        match reference.operator {
            Operator::None => {}
            Operator::Default { .. } => variable.default = variable.default.take().or_else(operand),
            Operator::Alternate { .. } => variable.alternate = variable.alternate.take().or_else(operand),
            Operator::Required { .. } => variable.required = true,
        }
        if variable.used_at.last() != Some(&self.span) {
            variable.used_at.push(self.span);
        }
    }
}
