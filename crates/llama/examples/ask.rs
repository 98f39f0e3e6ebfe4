//! Asks a model file one thing: `cargo run --release -p brisk-llama --example ask -- MODEL.gguf "question"`.
#![allow(clippy::print_stdout, missing_docs)]

use brisk_domain::ModelId;
use brisk_domain::port::{Closeness, GenerateRequest, Message, Model, ModelEvent, Priority, Role};
use brisk_llama::{Engine, EngineOptions};
use std::io::Write;
use std::sync::{Arc, mpsc};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("which model file?")?;
    let question = args
        .next()
        .unwrap_or_else(|| "Write a haiku about compilers.".into());
    let id = ModelId("ask".into());
    let engine = Engine::load(id.clone(), path.as_ref(), EngineOptions::default())?;
    println!("{:?}", engine.info());
    let (tell, told) = mpsc::channel();
    let request = GenerateRequest {
        model: id,
        messages: vec![Message {
            role: Role::User,
            text: question.into(),
        }],
        answer_prefix: String::new(),
        stop: Vec::new(),
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: 200,
        cache_key: 0,
        priority: Priority::Interactive,
    };
    let _running = engine.generate(request, Arc::new(move |event| drop(tell.send(event))));
    for event in told {
        match event {
            ModelEvent::Text { text } => print!("{text}"),
            ModelEvent::Sent => {}
            end @ (ModelEvent::Done { .. } | ModelEvent::Failed { .. }) => {
                println!("\n{end:?}");
                break;
            }
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
