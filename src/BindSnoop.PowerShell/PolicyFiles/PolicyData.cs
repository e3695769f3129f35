using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Text;
using System.Text.Json;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>
/// A policy in PowerShell's forms, PSD1 and objects, from and to JSON, which the engine understands. PSD1 is read
/// off its syntax: nothing of it is ever run.
/// </summary>
internal static class PolicyData
{
    // No policy is deeper than rules with lists.
    private const int MaxDepth = 16;

    /// <summary>Reads PSD1.</summary>
    /// <exception cref="TraceException"><c>InvalidPolicy</c>.</exception>
    public static byte[] FromPsd1(string text, string source)
    {
        ScriptBlockAst script = Parser.ParseInput(text, source, out _, out ParseError[] errors);

        // Keys that are there twice are found with the rule they are in when the policy is read.
        if (Array.Find(errors, e => e.ErrorId != "DuplicateKeyInHashLiteral") is { } error)
        {
            throw Wrong(source, error.Extent, error.Message);
        }

        if (script is not
            {
                ParamBlock: null, BeginBlock: null, ProcessBlock: null, DynamicParamBlock: null, UsingStatements.Count: 0,
                EndBlock: { Traps: null, Statements: [PipelineAst { PipelineElements: [CommandExpressionAst { Redirections.Count: 0, Expression: HashtableAst table }] }] },
            })
        {
            throw Wrong(source, script.Extent, "the file is not one hashtable and nothing else.");
        }

        return Write(json => Write(json, table, source, 0));
    }

    /// <summary>Reads a hashtable, or an object such as ConvertFrom-Json makes.</summary>
    /// <exception cref="TraceException"><c>InvalidPolicy</c>.</exception>
    public static byte[] FromObject(object value, string source) => Write(json => Write(json, value, source, 0));

    /// <summary>Writes JSON as PSD1.</summary>
    public static string ToPsd1(ReadOnlyMemory<byte> json)
    {
        StringBuilder text = new();
        using JsonDocument document = JsonDocument.Parse(json);
        Append(text, document.RootElement, "");
        return text.Append('\n').ToString();
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            write(json);
        }

        return stream.ToArray();
    }

    private static void Write(Utf8JsonWriter json, Ast ast, string source, int depth)
    {
        switch (ast)
        {
            case var _ when depth > MaxDepth:
                throw Wrong(source, ast.Extent, "it is nested too deeply.");
            case PipelineAst { PipelineElements: [CommandExpressionAst { Redirections.Count: 0 } only] }:
                Write(json, only.Expression, source, depth + 1);
                break;
            case ParenExpressionAst parentheses:
                Write(json, parentheses.Pipeline, source, depth + 1);
                break;
            case HashtableAst table:
                json.WriteStartObject();
                foreach ((ExpressionAst key, StatementAst value) in table.KeyValuePairs)
                {
                    json.WritePropertyName(key is ConstantExpressionAst name ? Text(name.Value) : throw NotConstant(source, key));
                    Write(json, value, source, depth + 1);
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
                        Write(json, item, source, depth + 1);
                    }
                }

                json.WriteEndArray();
                break;
            case ArrayLiteralAst array:
                json.WriteStartArray();
                foreach (ExpressionAst item in array.Elements)
                {
                    Write(json, item, source, depth + 1);
                }

                json.WriteEndArray();
                break;
            case ConstantExpressionAst constant:
                WriteScalar(json, constant.Value);
                break;
            case VariableExpressionAst variable when variable.VariablePath.UserPath.ToUpperInvariant() is "TRUE" or "FALSE":
                json.WriteBooleanValue(variable.VariablePath.UserPath.Equals("true", StringComparison.OrdinalIgnoreCase));
                break;
            case VariableExpressionAst variable when variable.VariablePath.UserPath.Equals("null", StringComparison.OrdinalIgnoreCase):
                json.WriteNullValue();
                break;
            default:
                throw NotConstant(source, ast);
        }
    }

    private static void Write(Utf8JsonWriter json, object? value, string source, int depth)
    {
        object? plain = value is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : value;
        switch (plain)
        {
            case var _ when depth > MaxDepth:
                throw new PolicyReader(source).Wrong("", "it is nested too deeply.", "Give a hashtable with the keys Default and Rules.");
            case IDictionary table:
                json.WriteStartObject();
                foreach (DictionaryEntry entry in table)
                {
                    json.WritePropertyName(Text(entry.Key));
                    Write(json, entry.Value, source, depth + 1);
                }

                json.WriteEndObject();
                break;
            case PSObject custom:
                json.WriteStartObject();
                foreach (PSPropertyInfo property in custom.Properties)
                {
                    json.WritePropertyName(property.Name);
                    Write(json, property.Value, source, depth + 1);
                }

                json.WriteEndObject();
                break;
            case IEnumerable list and not string:
                json.WriteStartArray();
                foreach (object? item in list)
                {
                    Write(json, item, source, depth + 1);
                }

                json.WriteEndArray();
                break;
            default:
                WriteScalar(json, plain);
                break;
        }
    }

    private static void WriteScalar(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool truth:
                json.WriteBooleanValue(truth);
                break;
            case sbyte or byte or short or ushort or int or uint or long or ulong:
                json.WriteRawValue(Text(value));
                break;
            default:
                json.WriteStringValue(Text(value));
                break;
        }
    }

    private static string Text(object value) => string.Create(CultureInfo.InvariantCulture, $"{value}");

    private static TraceException NotConstant(string source, Ast ast) =>
        Wrong(source, ast.Extent, $"{DisplayText.Escape(ast.Extent.Text.Split('\n')[0])} is not a constant.");

    private static TraceException Wrong(string source, IScriptExtent extent, string what) =>
        new PolicyReader(source).Wrong(
            $"line {extent.StartLineNumber}",
            DisplayText.EscapeUnsafe(what),
            "A PSD1 policy is one hashtable of texts in single quotes, numbers, lists and hashtables; nothing in it is run.");

    private static void Append(StringBuilder text, JsonElement element, string indent)
    {
        string deeper = $"{indent}    ";
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                text.Append("@{\n");
                int width = element.EnumerateObject().Max(p => p.Name.Length);
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    text.Append(deeper).Append(member.Name.PadRight(width)).Append(" = ");
                    Append(text, member.Value, deeper);
                    text.Append('\n');
                }

                text.Append(indent).Append('}');
                break;
            case JsonValueKind.Array when element.EnumerateArray().Any(e => e.ValueKind == JsonValueKind.Object):
                text.Append("@(\n");
                foreach (JsonElement item in element.EnumerateArray())
                {
                    text.Append(deeper);
                    Append(text, item, deeper);
                    text.Append('\n');
                }

                text.Append(indent).Append(')');
                break;
            case JsonValueKind.Array:
                string separator = "@(";
                foreach (JsonElement item in element.EnumerateArray())
                {
                    text.Append(separator);
                    Append(text, item, indent);
                    separator = ", ";
                }

                text.Append(separator == "@(" ? "@()" : ")");
                break;
            case JsonValueKind.String:
                // What a process calls itself is in it: with every quote that PowerShell knows doubled, it stays text.
                text.Append('\'').Append(CodeGeneration.EscapeSingleQuotedStringContent(element.GetString())).Append('\'');
                break;
            default:
                text.Append(element.GetRawText());
                break;
        }
    }
}
