# Shared by the tests of policies.

# An event as read from a file: its properties, and only the name of its type.
function New-Row {
    param([hashtable] $With = @{})
    $row = [ordered]@{
        PSTypeName = 'Deserialized.BindSnoop.BindEvent'; Time = [datetime]'2026-02-03T04:05:06'; ProcessId = 1234; Comm = 'nginx'
        Uid = [uint32]0; UserName = 'root'; Gid = [uint32]0; Protocol = 'TCP'; AddressFamily = 'IPv4'; Address = '192.0.2.1'; Port = 80
        RequestedAddress = '192.0.2.1'; RequestedPort = 80; ErrorCode = 0; Unit = 'nginx.service'; ContainerId = ''
    }
    foreach ($key in $With.Keys) { $row[$key] = $With[$key] }
    [pscustomobject]$row
}

# The events of the binds that the cases make, failed ones too, in the order in which they were made.
function Get-TruthEvent {
    param([Parameter(Mandatory)] [string[]] $Case)
    $result = Invoke-BackgroundTrace -Parameter @{ IncludeError = $true } -Case $Case
    $result.Trace | Remove-BindTrace
    $result.Events | Should -Not -BeNullOrEmpty
    $result
}

# Makes a trace's reading thread fail at the next event with an unexpected error, or repairs it.
function Disable-TraceReader {
    param([Parameter(Mandatory)] $Trace, [switch] $Undo)
    $hidden = [System.Reflection.BindingFlags]'NonPublic, Instance'
    $metrics = $Trace.GetType().GetProperty('Metrics', $hidden).GetValue($Trace)
    $field = $metrics.GetType().GetField('_tallies', $hidden)
    $field.SetValue($metrics, ($Undo ? [array]::CreateInstance($field.FieldType.GetElementType(), 0) : $null))
}

# A violation or a truth line, as one text.
function Format-Violation {
    param([Parameter(ValueFromPipeline)] $One)
    process {
        if ($One.PSObject.Properties['case']) {
            '{0} {1} {2} {3}' -f $One.pid, $One.address, $One.port, [int]$One.error
        }
        elseif ($One) {
            '{0} {1} {2} {3}' -f $One.ProcessId, $One.Address, $One.Port, $One.ErrorCode
        }
    }
}
