//! One source file as a parser sees it: the modules in it, the paths that they use, and how long its functions are.

use anyhow::{Context, Result};
use proc_macro2::{Spacing, TokenStream, TokenTree};
use std::path::Path;
use syn::visit::{self, Visit};
use syn::{Attribute, Meta, spanned::Spanned};

/// A path in the sources, such as `crate::header::Header`, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedPath {
    pub segments: Vec<String>,
    pub line: usize,
}

/// A name that a `use` brings into a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The name; `None` where it brings all names of another module.
    pub name: Option<String>,
    pub path: UsedPath,
    /// Whether others see the name too.
    pub reexport: bool,
}

/// A `mod` without a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    pub name: String,
    /// Where its file is, if an attribute says so.
    pub file: Option<String>,
}

/// A function, and how many lines it has from its signature to its last brace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// With the type that it belongs to: `Layout::read`.
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// A module as far as one file has it. Nothing of it is for tests.
#[derive(Debug, Default)]
pub struct Module {
    pub name: String,
    pub declared: Vec<Declaration>,
    pub inline: Vec<Module>,
    pub imports: Vec<Import>,
    pub paths: Vec<UsedPath>,
    /// The names of what is defined here.
    pub items: Vec<String>,
    pub functions: Vec<Function>,
}

/// Reads the module in a file of Rust.
///
/// # Errors
/// If the file cannot be read, or is no Rust.
pub fn read(file: &Path) -> Result<Module> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} could not be read", file.display()))?;
    parse(&text).with_context(|| format!("{} is no Rust that can be parsed", file.display()))
}

/// The module in the text of a file.
pub fn parse(text: &str) -> Result<Module> {
    let file = syn::parse_file(text)?;
    let mut reader = Reader::default();
    for item in &file.items {
        reader.visit_item(item);
    }
    Ok(reader.module)
}

/// Walks over the syntax tree of a module.
#[derive(Default)]
struct Reader {
    module: Module,
    /// The type whose functions are read.
    owner: Option<String>,
    /// How many bodies of functions this is within: what they define is nobody else's.
    within: usize,
}

impl Reader {
    fn define(&mut self, name: &syn::Ident) {
        if self.within == 0 {
            self.module.items.push(name.to_string());
        }
    }

    fn function(&mut self, signature: &syn::Signature, end: proc_macro2::Span) {
        let line = signature.span().start().line;
        let name = match &self.owner {
            Some(owner) => format!("{owner}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        self.module.functions.push(Function {
            name,
            line,
            lines: end.end().line + 1 - line,
        });
    }

    fn import(&mut self, tree: &syn::UseTree, before: &[String], reexport: bool) {
        let with = |name: &syn::Ident| {
            let mut segments = before.to_vec();
            segments.push(name.to_string());
            segments
        };
        let (name, segments) = match tree {
            syn::UseTree::Path(path) => {
                return self.import(&path.tree, &with(&path.ident), reexport);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, reexport);
                }
                return;
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                (before.last().cloned(), before.to_vec())
            }
            syn::UseTree::Name(name) => (Some(name.ident.to_string()), with(&name.ident)),
            syn::UseTree::Rename(rename) => (Some(rename.rename.to_string()), with(&rename.ident)),
            syn::UseTree::Glob(_) => (None, before.to_vec()),
        };
        let line = tree.span().start().line;
        self.module.imports.push(Import {
            name,
            path: UsedPath { segments, line },
            reexport,
        });
    }

    /// Paths in what a macro is given, which no parser knows the grammar of: names with `::` between them.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut segments: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.keep(std::mem::take(&mut segments), line);
                        line = ident.span().start().line;
                    }
                    segments.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct)
                    if punct.as_char() == ':'
                        && (punct.spacing() == Spacing::Joint || colons == 1) =>
                {
                    colons += 1;
                }
                other => {
                    self.keep(std::mem::take(&mut segments), line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.keep(segments, line);
    }

    fn keep(&mut self, segments: Vec<String>, line: usize) {
        if segments.len() > 1 {
            self.module.paths.push(UsedPath { segments, line });
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        use syn::Item;
        match item {
            Item::Fn(item) => self.define(&item.sig.ident),
            Item::Struct(item) => self.define(&item.ident),
            Item::Enum(item) => self.define(&item.ident),
            Item::Union(item) => self.define(&item.ident),
            Item::Trait(item) => self.define(&item.ident),
            Item::Type(item) => self.define(&item.ident),
            Item::Const(item) => self.define(&item.ident),
            Item::Static(item) => self.define(&item.ident),
            Item::Macro(item) => item.ident.iter().for_each(|ident| self.define(ident)),
            _ => {}
        }
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let reexport = !matches!(item.vis, syn::Visibility::Inherited);
        self.import(&item.tree, &[], reexport);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        let Some((_, items)) = &item.content else {
            let file = item.attrs.iter().find_map(path_of);
            self.module.declared.push(Declaration { name, file });
            return;
        };
        let mut reader = Reader::default();
        items.iter().for_each(|item| reader.visit_item(item));
        let module = Module {
            name,
            ..reader.module
        };
        self.module.inline.push(module);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, item.block.span());
        self.within += 1;
        visit::visit_item_fn(self, item);
        self.within -= 1;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if is_for_tests(&item.attrs) {
            return;
        }
        self.function(&item.sig, item.block.span());
        self.within += 1;
        visit::visit_impl_item_fn(self, item);
        self.within -= 1;
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last(),
            _ => None,
        };
        let before = std::mem::replace(
            &mut self.owner,
            owner.map(|segment| segment.ident.to_string()),
        );
        visit::visit_item_impl(self, item);
        self.owner = before;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter();
        let segments = segments.map(|segment| segment.ident.to_string());
        self.keep(segments.collect(), path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    // What attributes name is no import: derives, lints, documentation.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

fn attributes(item: &syn::Item) -> &[Attribute] {
    use syn::Item;
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether something is compiled for tests alone.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            let first = list.tokens.clone().into_iter().next();
            let all = matches!(&first, Some(TokenTree::Ident(ident)) if ident == "all");
            first.is_some_and(|token| token.to_string() == "test")
                || all && list.tokens.to_string().contains("test ,")
                || all && list.tokens.to_string().contains("(test,")
        }
        _ => false,
    })
}

/// The file in `#[path = "..."]`.
fn path_of(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let syn::Expr::Lit(literal) = &pair.value else {
        return None;
    };
    match &literal.lit {
        syn::Lit::Str(text) if pair.path.is_ident("path") => Some(text.value()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(imports: &[Import]) -> Vec<(Option<&str>, String)> {
        let name = |import: &Import| import.path.segments.join("::");
        imports
            .iter()
            .map(|import| (import.name.as_deref(), name(import)))
            .collect()
    }

    #[test]
    fn what_a_module_uses_is_found_wherever_it_stands() -> Result<()> {
        let module = parse(
            "use crate::a::{self, B as C, d::*};\n\
             mod beside;\n\
             #[path = \"other.rs\"] mod elsewhere;\n\
             fn long() -> super::e::F {\n    let text = format!(\"{}\", g::h(&i.j, k::L));\n    M::new(text)\n}\n\
             #[cfg(test)] mod tests { use crate::never; }\n\
             #[cfg(test)] fn helper() { crate::never::seen() }",
        )?;
        assert_eq!(
            names(&module.imports),
            [
                (Some("a"), "crate::a".to_owned()),
                (Some("C"), "crate::a::B".to_owned()),
                (None, "crate::a::d".to_owned()),
            ]
        );
        let paths: Vec<_> = module
            .paths
            .iter()
            .map(|path| path.segments.join("::"))
            .collect();
        assert_eq!(paths, ["super::e::F", "g::h", "k::L", "M::new"]);
        assert_eq!(module.paths[1].line, 5);
        let declared: Vec<_> = module
            .declared
            .iter()
            .map(|module| module.name.as_str())
            .collect();
        assert_eq!(declared, ["beside", "elsewhere"]);
        assert_eq!(module.declared[1].file.as_deref(), Some("other.rs"));
        assert!(module.inline.is_empty());
        assert_eq!(module.functions.len(), 1);
        assert_eq!(
            (module.functions[0].line, module.functions[0].lines),
            (4, 4)
        );
        Ok(())
    }

    #[test]
    fn functions_are_named_with_their_types() -> Result<()> {
        let module = parse(
            "struct A;\nimpl A { fn b(&self) {} }\nimpl std::fmt::Debug for A { fn c() {} }",
        )?;
        let names: Vec<_> = module
            .functions
            .iter()
            .map(|function| function.name.as_str())
            .collect();
        assert_eq!(names, ["A::b", "A::c"]);
        assert_eq!(module.items, ["A"]);
        Ok(())
    }

    #[test]
    fn what_is_no_rust_is_said_so() {
        assert!(parse("fn {").is_err());
        let missing = read(Path::new("does/not/exist.rs"));
        assert!(missing.is_err_and(|error| error.to_string().contains("exist.rs")));
    }
}
