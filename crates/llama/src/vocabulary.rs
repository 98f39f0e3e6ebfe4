//! Text to tokens and back, for the loaded model.

use crate::Token;
use crate::prompt::{self, Ending, Piece};
use brisk_domain::port::{GenerateRequest, Message};
use llama_cpp_2::model::{LlamaChatMessage, LlamaModel};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

/// A token of an answer.
pub(crate) struct AnswerPiece {
    /// The answer is over.
    pub(crate) ends: bool,
    /// Its bytes; none for a control token.
    pub(crate) bytes: Vec<u8>,
}

/// The tokens of a request's prompt, up to the answer's first characters.
pub(crate) fn prompt(model: &LlamaModel, request: &GenerateRequest) -> Vec<Token> {
    tokens(
        model,
        &pieces(model, &request.messages, Ending::Answer(&request.answer_prefix)),
    )
}

/// The tokens of a request's messages, without opening an answer.
pub(crate) fn open_prompt(model: &LlamaModel, request: &GenerateRequest) -> Vec<Token> {
    tokens(model, &pieces(model, &request.messages, Ending::Open))
}

/// Tokens of plain text: special tokens are characters like others.
pub(crate) fn plain(model: &LlamaModel, text: &[u8]) -> Vec<Token> {
    model
        .vocab()
        .tokenize(text, false, false)
        .into_iter()
        .map(|token| token.0)
        .collect()
}

/// What a token adds to an answer.
pub(crate) fn piece(vocab: &LlamaVocab<'_>, token: Token) -> AnswerPiece {
    let token = LlamaToken(token);
    if vocab.is_eog(token) {
        return AnswerPiece {
            ends: true,
            bytes: Vec::new(),
        };
    }
    AnswerPiece {
        ends: false,
        bytes: vocab.token_to_piece(token, false, None),
    }
}

/// Lays messages out by the model's own template where llama.cpp knows it, else in ChatML.
fn pieces(model: &LlamaModel, messages: &[Message], ending: Ending<'_>) -> Vec<Piece> {
    let Ok(template) = model.chat_template(None) else {
        return prompt::chatml(messages, ending);
    };
    if template.to_str().is_ok_and(|text| text.contains("<|im_start|>")) {
        return prompt::chatml(messages, ending);
    }
    let stand_ins: Option<Vec<LlamaChatMessage>> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let role = prompt::role_name(message.role).to_owned();
            LlamaChatMessage::new(role, prompt::stand_in(index)).ok()
        })
        .collect();
    stand_ins
        .and_then(|chat| {
            model
                .apply_chat_template(&template, &chat, ending != Ending::Open)
                .ok()
        })
        .and_then(|rendered| prompt::fill(&rendered, messages, ending))
        .unwrap_or_else(|| prompt::chatml(messages, ending))
}

fn tokens(model: &LlamaModel, pieces: &[Piece]) -> Vec<Token> {
    let vocab = model.vocab();
    let mut tokens = Vec::new();
    if vocab.should_add_bos() {
        tokens.push(vocab.bos());
    }
    for piece in pieces {
        let (text, special) = match piece {
            Piece::Marker(text) => (text, true),
            Piece::Body(text) => (text, false),
        };
        let found = vocab.tokenize(text.as_bytes(), false, special);
        // A template may spell the beginning out itself.
        let doubled = tokens.len() == 1 && found.first() == tokens.first() && vocab.should_add_bos();
        tokens.extend(found.into_iter().skip(usize::from(doubled)));
    }
    tokens.into_iter().map(|token| token.0).collect()
}
