//! The arguments of one call on their way to a worker, with holes for the values of tasks that have not ended.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use raveler::Runtime;
use raveler::outcome::Outcome;
use raveler_procs::token::Write;

use crate::bridge::bridge;
use crate::encode::Encoder;
use crate::host::{Interp, TaskCell};
use crate::interpreter::PACKED;
use crate::shared::Shared;
use crate::task::{as_task, value_of};

/// Whether two or more arguments have to be pickled, and none is a task or a shared value.
fn is_packed(
    encoder: &mut Encoder<'_>,
    leading: &[Py<PyAny>],
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<bool> {
    let mut pickled = leading.len();
    if pickled + args.len() + kwargs.map_or(0, PyDictMethods::len) < 2 {
        return Ok(false);
    }
    let named = kwargs.into_iter().flatten().map(|(_, value)| value);
    for value in args.iter().chain(named) {
        if as_task(&value).is_some() || value.cast_exact::<Shared>().is_ok() {
            return Ok(false);
        }
        pickled += usize::from(!encoder.is_native(&value)?);
    }
    Ok(pickled > 1)
}

/// Writes the arguments of a call; returns where the values of tasks that have not ended belong.
pub(crate) fn write_arguments(
    py: Python<'_>,
    runtime: &Runtime<Interp>,
    encoder: &mut Encoder<'_>,
    leading: &[Py<PyAny>],
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Vec<(usize, TaskCell)>> {
    let mut holes = Vec::new();
    if is_packed(encoder, leading, args, kwargs)? {
        // One pickle for all, so that an object that comes twice stays one object.
        let all: Vec<_> = leading.iter().map(|each| each.bind(py).clone()).chain(args.iter()).collect();
        let keywords = kwargs.map_or_else(|| PyDict::new(py), Clone::clone);
        let pair = (PyTuple::new(py, all)?, keywords).into_pyobject(py)?;
        Write::u32(&mut encoder.out, PACKED);
        Write::u32(&mut encoder.out, 0);
        encoder.pickle(&pair, "call")?;
        return Ok(holes);
    }
    Write::u32(&mut encoder.out, u32::try_from(leading.len() + args.len())?);
    Write::u32(&mut encoder.out, kwargs.map_or(0, |kwargs| u32::try_from(kwargs.len()).unwrap_or(u32::MAX)));
    for value in leading {
        encoder.value(value.bind(py), "self")?;
    }
    for (index, value) in args.iter_borrowed().enumerate() {
        write_argument(runtime, encoder, &value, &mut holes, &|| format!("args[{index}]"))?;
    }
    for (name, value) in kwargs.into_iter().flatten() {
        encoder.value(&name, "name")?;
        write_argument(runtime, encoder, &value, &mut holes, &|| format!("{name}"))?;
    }
    Ok(holes)
}

fn write_argument(
    runtime: &Runtime<Interp>,
    encoder: &mut Encoder<'_>,
    value: &Bound<'_, PyAny>,
    holes: &mut Vec<(usize, TaskCell)>,
    label: &dyn Fn() -> String,
) -> PyResult<()> {
    let Some(task) = as_task(value) else {
        return encoder.value(value, &label());
    };
    let py = value.py();
    let cell = &task.get().cell;
    // A value that is here and has no wire form travels like any other argument.
    let is_here = cell.outcome(|outcome| matches!(outcome, Outcome::Value(_) | Outcome::Reply(_) | Outcome::Reading));
    if is_here == Some(true)
        && let Ok(value) = value_of(py, cell, runtime.arena())
    {
        return encoder.value(&value, &label());
    }
    holes.push((encoder.out.len(), bridge(py, task.get(), runtime)?));
    Ok(())
}

/// Returns the value of a shared value, or the value itself.
pub(crate) fn unshared(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    match value.cast_exact::<Shared>() {
        Ok(shared) => shared.call_method0("get"),
        Err(_) => Ok(value),
    }
}
