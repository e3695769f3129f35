using System.Management.Automation.Language;
using System.Text.Json;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>Makes JSON, which the engine understands, of a policy in PSD1. It is read off its syntax: nothing of it is ever run.</summary>
/// <param name="source">Where the policy is from, for errors.</param>
internal sealed class Psd1Reader(string source)
{
    /// <summary>Reads PSD1.</summary>
    /// <exception cref="TraceException"><c>InvalidPolicy</c>.</exception>
    public byte[] Read(string text)
    {
        ScriptBlockAst script = Parser.ParseInput(text, source, out _, out ParseError[] errors);

        // Keys that are there twice are found with the rule they are in when the policy is read.
        if (Array.Find(errors, e => e.ErrorId != "DuplicateKeyInHashLiteral") is { } error)
        {
            throw Wrong(error.Extent, error.Message);
        }

        if (script is not
            {
                ParamBlock: null, BeginBlock: null, ProcessBlock: null, DynamicParamBlock: null, UsingStatements.Count: 0,
                EndBlock: { Traps: null, Statements: [PipelineAst { PipelineElements: [CommandExpressionAst { Redirections.Count: 0, Expression: HashtableAst table }] }] },
            })
        {
            throw Wrong(script.Extent, "the file must be one hashtable and nothing else.");
        }

        return PolicyJson.Make(json => Write(json, table, 0));
    }

    private void Write(Utf8JsonWriter json, Ast ast, int depth)
    {
        switch (ast)
        {
            case var _ when depth > PolicyJson.MaxDepth:
                throw Wrong(ast.Extent, "it is nested too deeply.");
            case PipelineAst { PipelineElements: [CommandExpressionAst { Redirections.Count: 0 } only] }:
                Write(json, only.Expression, depth + 1);
                break;
            case ParenExpressionAst parentheses:
                Write(json, parentheses.Pipeline, depth + 1);
                break;
            case HashtableAst table:
                json.WriteStartObject();
                foreach ((ExpressionAst key, StatementAst value) in table.KeyValuePairs)
                {
                    json.WritePropertyName(key is ConstantExpressionAst name ? PolicyJson.Text(name.Value) : throw NotConstant(key));
                    Write(json, value, depth + 1);
                }

                json.WriteEndObject();
                break;
            case ArrayExpressionAst { SubExpression: { Traps: null } list }:
                json.WriteStartArray();
                foreach (StatementAst statement in list.Statements)
                {
                    // As PowerShell has it, @(1, 2) is the list 1, 2 and no list of lists.
                    IEnumerable<Ast> items = statement is PipelineAst { PipelineElements: [CommandExpressionAst { Redirections.Count: 0, Expression: ArrayLiteralAst inner }] }
                        ? inner.Elements
                        : [statement];
                    foreach (Ast item in items)
                    {
                        Write(json, item, depth + 1);
                    }
                }

                json.WriteEndArray();
                break;
            case ArrayLiteralAst array:
                json.WriteStartArray();
                foreach (ExpressionAst item in array.Elements)
                {
                    Write(json, item, depth + 1);
                }

                json.WriteEndArray();
                break;
            case ConstantExpressionAst constant:
                PolicyJson.WriteScalar(json, constant.Value);
                break;
            case VariableExpressionAst variable when variable.VariablePath.UserPath.ToUpperInvariant() is "TRUE" or "FALSE":
                json.WriteBooleanValue(variable.VariablePath.UserPath.Equals("true", StringComparison.OrdinalIgnoreCase));
                break;
            case VariableExpressionAst variable when variable.VariablePath.UserPath.Equals("null", StringComparison.OrdinalIgnoreCase):
                json.WriteNullValue();
                break;
            default:
                throw NotConstant(ast);
        }
    }

    private TraceException NotConstant(Ast ast) =>
        Wrong(ast.Extent, $"{DisplayText.Escape(ast.Extent.Text.Split('\n')[0])} is not a constant.");

    private TraceException Wrong(IScriptExtent extent, string what) =>
        new PolicyReader(source).Wrong(
            $"line {extent.StartLineNumber}",
            DisplayText.EscapeUnsafe(what),
            "Use only texts in single quotes, numbers, lists and hashtables; nothing in a PSD1 policy is run.");
}
