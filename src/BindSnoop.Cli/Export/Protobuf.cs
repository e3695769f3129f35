namespace BindSnoop.Cli.Export;

/// <summary>As much of protobuf's wire format as it takes to count what a message holds.</summary>
internal static class Protobuf
{
    /// <summary>
    /// Adds up the fields that a path of field numbers leads to: numbers by their values, all others as one each.
    /// What is not protobuf counts as nothing.
    /// </summary>
    public static long Sum(ReadOnlySpan<byte> message, params ReadOnlySpan<int> path)
    {
        long sum = 0;
        while (!message.IsEmpty && TryReadNumber(ref message, out ulong key))
        {
            bool wanted = (int)(key >> 3) == path[0];
            int length;
            switch (key & 7)
            {
                case 0:
                    if (!TryReadNumber(ref message, out ulong value))
                    {
                        return sum;
                    }

                    sum += wanted && path.Length == 1 ? (long)value : 0;
                    continue;
                case 1:
                    length = sizeof(long);
                    break;
                case 2:
                    length = TryReadNumber(ref message, out ulong size) && size <= (ulong)message.Length ? (int)size : int.MaxValue;
                    break;
                default:
                    length = sizeof(int);
                    break;
            }

            if (length > message.Length)
            {
                return sum;
            }

            sum += !wanted ? 0 : path.Length == 1 ? 1 : Sum(message[..length], path[1..]);
            message = message[length..];
        }

        return sum;
    }

    private static bool TryReadNumber(ref ReadOnlySpan<byte> bytes, out ulong number)
    {
        number = 0;
        for (int i = 0; i < bytes.Length && i < 10; i++)
        {
            number |= (ulong)(bytes[i] & 0x7f) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}
