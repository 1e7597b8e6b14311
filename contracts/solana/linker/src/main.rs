//! The linker that `rustc --target bpfel-unknown-none` calls, for machines where `cargo build-sbf` cannot be had: LLVM bitcode in, a
//! Solana program (SBPF v3) out. `sbpf-linker`'s own binary insists on LLVM 23, its library also works with the 22 of Debian's compiler.

use std::{
    env,
    error::Error,
    ffi::CString,
    fmt::Debug,
    fs,
    path::PathBuf,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use aya_rustc_llvm_proxy as _;
use bpf_linker::{Cpu, Linker, LinkerInput, LinkerOptions, OptLevel, OutputType};
use sbpf_linker::{OptimizationConfig, ProgramOptions, SbpfArch, SbpfLinkerError, link_program};
use tracing::{Event, Level, Metadata, Subscriber, field, span};

/// Bytes of a stack frame: what every Solana virtual machine grants.
const STACK_FRAME: i32 = 4096;

/// What LLVM's BPF target says of every function that returns more than a register holds. The Linux kernel's verifier knows no such
/// functions; the code is right (the place of the result is the first argument), and Solana's machine runs it.
const HARMLESS: &str = "aggregate returns are not supported";

/// Prints the errors of LLVM and remembers that there were some.
#[derive(Clone, Default)]
struct Diagnostics(Arc<AtomicBool>);

impl Subscriber for Diagnostics {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        if !message.0.contains(HARMLESS) {
            self.0.store(true, Ordering::Relaxed);
            eprintln!("{}", message.0.trim_end());
        }
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The text of an event.
#[derive(Default)]
struct Message(String);

impl field::Visit for Message {
    fn record_debug(&mut self, field: &field::Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// What rustc says on the command line, as far as it matters here.
struct Arguments {
    cpu: Cpu,
    output: PathBuf,
    inputs: Vec<PathBuf>,
    exports: Vec<String>,
    optimize: OptLevel,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, Box<dyn Error>> {
    let (mut cpu, mut output, mut inputs, mut exports) = (Cpu::V2, None, Vec::new(), Vec::new());
    let mut optimize = OptLevel::Default;
    while let Some(word) = words.next() {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
            _ => (word.clone(), None),
        };
        let mut value = || attached.clone().or_else(|| words.next()).ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--cpu" => cpu = Cpu::from_str(&value()?)?,
            "-o" | "--output" => output = Some(PathBuf::from(value()?)),
            "--export" => exports.extend(value()?.split(',').map(str::to_owned)),
            "--export-symbols" => exports.extend(fs::read_to_string(value()?)?.lines().map(str::to_owned)),
            "-L" | "--cpu-features" | "--target" | "--emit" | "-flavor" | "--llvm-args" => drop(value()?),
            "-O0" => optimize = OptLevel::No,
            "-O1" => optimize = OptLevel::Less,
            "-O2" => optimize = OptLevel::Default,
            "-O3" => optimize = OptLevel::Aggressive,
            "-Os" => optimize = OptLevel::Size,
            "-Oz" => optimize = OptLevel::SizeMin,
            "--debug" | "--btf" => {}
            name if name.starts_with('-') => return Err(format!("unknown argument {name}").into()),
            input => inputs.push(PathBuf::from(input)),
        }
    }
    Ok(Arguments { cpu, output: output.ok_or("no --output")?, inputs, exports, optimize })
}

fn main() -> Result<(), Box<dyn Error>> {
    let diagnostics = Diagnostics::default();
    tracing::subscriber::set_global_default(diagnostics.clone())?;
    let arguments = parse(env::args().skip(1))?;
    let linker = Linker::new(LinkerOptions {
        target: None,
        cpu: arguments.cpu,
        cpu_features: CString::new("+allows-misaligned-mem-access")?,
        optimize: arguments.optimize,
        unroll_loops: false,
        ignore_inline_never: false,
        llvm_args: vec![CString::new(format!("--bpf-stack-size={STACK_FRAME}"))?],
        disable_expand_memcpy_in_order: true,
        disable_memory_builtins: false,
        btf: false,
        allow_bpf_trap: false,
    });
    let inputs = arguments.inputs.iter().map(|path| LinkerInput::new_from_file(path));
    let exports = arguments.exports.iter().map(String::as_str);
    let object = linker.link_to_buffer(inputs, OutputType::Object, exports)?;
    if diagnostics.0.load(Ordering::Relaxed) {
        return Err("LLVM reported errors".into());
    }
    let options = ProgramOptions::new(OptimizationConfig::enabled(), SbpfArch::V3, STACK_FRAME);
    let program = link_program(object.as_slice(), options).map_err(|errors| SbpfLinkerError::format_errors(&errors))?;
    Ok(fs::write(&arguments.output, program)?)
}
