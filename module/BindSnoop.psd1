@{
    RootModule             = 'BindSnoop.PowerShell.dll'
    # The build puts the version of Directory.Build.props here.
    ModuleVersion          = '0.0.0'
    GUID                   = '5f3f7f0e-6c1d-4d43-9d0b-3c7a2d1c5b8e'
    Author                 = 'The BindSnoop authors'
    CompanyName            = 'Community'
    Copyright              = '(c) The BindSnoop authors. MIT license.'
    Description            = 'Who bound which port, with which socket options, and did it succeed? Traces bind(), listen(), accept() and the release of ports on Linux through eBPF and puts typed objects on the pipeline.'
    PowerShellVersion      = '7.6'
    CompatiblePSEditions   = @('Core')
    FormatsToProcess       = @('BindSnoop.Format.ps1xml')
    TypesToProcess         = @('BindSnoop.Types.ps1xml')
    FunctionsToExport      = @()
    CmdletsToExport        = @(
        'Export-BindMetric'
        'Export-BindReport'
        'Find-BindRecord'
        'Get-AcceptEvent'
        'Get-BindCount'
        'Get-BindEvent'
        'Get-BindSocket'
        'Get-BindTrace'
        'Get-BindTraceSupport'
        'Get-BindViolation'
        'Get-ListenEvent'
        'Get-ReleaseEvent'
        'New-BindPolicy'
        'Remove-BindTrace'
        'Start-BindTrace'
        'Stop-BindTrace'
        'Test-BindPolicy'
        'Test-BindPort'
        'Test-BindTrace'
    )
    VariablesToExport      = @()
    AliasesToExport        = @()
    PrivateData            = @{
        PSData = @{
            ProjectUri = 'https://github.com/bindsnoop/bindsnoop'
            LicenseUri = 'https://github.com/bindsnoop/bindsnoop/blob/main/LICENSE'
            Tags       = @('Linux', 'eBPF', 'bind', 'socket', 'port', 'trace', 'network', 'security', 'PSEdition_Core')
        }
    }
}
