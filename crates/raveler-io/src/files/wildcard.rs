//! Wildcards within one name, which match letters and not bytes: `*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}`, and a backslash before a letter.

/// The plain patterns that the braces of one pattern may stand for.
const MOST_CHOICES: usize = 1_000;

/// A pattern for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard {
    /// One for each way to choose from the braces.
    choices: Vec<Vec<Token>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Letter(char),
    AnyLetter,
    AnyLetters,
    Class { is_negated: bool, ranges: Vec<(char, char)> },
}

impl Wildcard {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let letters: Vec<char> = text.chars().collect();
        let mut choices = vec![Vec::new()];
        let end = parse_into(&letters, 0, &mut choices, false)?;
        if end < letters.len() {
            return Err("a brace is closed that was not opened".to_owned());
        }
        Ok(Self { choices })
    }

    /// Whether a name fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let letters: Vec<char> = name.chars().collect();
        self.choices.iter().any(|tokens| fits(tokens, &letters))
    }
}

/// Reads up to the end, or to the comma or brace that ends a choice; returns the place of that.
fn parse_into(
    letters: &[char],
    mut place: usize,
    choices: &mut Vec<Vec<Token>>,
    is_inside: bool,
) -> Result<usize, String> {
    while let Some(letter) = letters.get(place) {
        let token = match letter {
            '*' => Token::AnyLetters,
            '?' => Token::AnyLetter,
            '[' => {
                let (class, behind) = parse_class(letters, place + 1)?;
                place = behind - 1;
                class
            }
            '{' => {
                place = parse_choices(letters, place + 1, choices)?;
                continue;
            }
            '}' => return Ok(place),
            ',' if is_inside => return Ok(place),
            '\\' => {
                place += 1;
                Token::Letter(*letters.get(place).ok_or("nothing follows the backslash")?)
            }
            letter => Token::Letter(*letter),
        };
        for tokens in choices.iter_mut() {
            tokens.push(token.clone());
        }
        place += 1;
    }
    if is_inside { Err("a brace is not closed".to_owned()) } else { Ok(place) }
}

fn parse_choices(letters: &[char], mut place: usize, choices: &mut Vec<Vec<Token>>) -> Result<usize, String> {
    let before = std::mem::take(choices);
    loop {
        let mut extended = before.clone();
        place = parse_into(letters, place, &mut extended, true)?;
        choices.append(&mut extended);
        if choices.len() > MOST_CHOICES {
            return Err(format!("its braces stand for more than {MOST_CHOICES} names"));
        }
        place += 1;
        if letters[place - 1] == '}' {
            return Ok(place);
        }
    }
}

/// Reads a class behind its opening bracket; returns it and the place behind its closing one.
fn parse_class(letters: &[char], mut place: usize) -> Result<(Token, usize), String> {
    let is_negated = matches!(letters.get(place), Some('!' | '^'));
    place += usize::from(is_negated);
    let (begin, mut ranges) = (place, Vec::new());
    loop {
        let first = *letters.get(place).ok_or("a bracket is not closed")?;
        if first == ']' && place > begin {
            return Ok((Token::Class { is_negated, ranges }, place + 1));
        }
        match (letters.get(place + 1), letters.get(place + 2)) {
            (Some('-'), Some(last)) if *last != ']' => {
                ranges.push((first, *last));
                place += 3;
            }
            _ => {
                ranges.push((first, first));
                place += 1;
            }
        }
    }
}

impl Token {
    fn fits(&self, letter: char) -> bool {
        match self {
            Self::Letter(own) => *own == letter,
            Self::AnyLetter | Self::AnyLetters => true,
            Self::Class { is_negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter)) != *is_negated
            }
        }
    }
}

/// Whether all letters fit all tokens: after a mismatch only the last `*` can take one letter more, so no time is lost in others.
fn fits(tokens: &[Token], letters: &[char]) -> bool {
    let (mut token, mut letter) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while letter < letters.len() {
        match tokens.get(token) {
            Some(Token::AnyLetters) => {
                star = Some((token, letter));
                token += 1;
            }
            Some(other) if other.fits(letters[letter]) => {
                token += 1;
                letter += 1;
            }
            _ => {
                let Some((at, eaten)) = star else { return false };
                star = Some((at, eaten + 1));
                token = at + 1;
                letter = eaten + 1;
            }
        }
    }
    tokens[token..].iter().all(|token| *token == Token::AnyLetters)
}
