<#
.SYNOPSIS
Runs the bot, and with -Gateway the gateway, as tasks of the Windows Task Scheduler: from the start of the machine on,
and again a minute after they end. With -Uninstall the tasks are removed.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File deploy\windows\install.ps1 -Gateway
powershell -ExecutionPolicy Bypass -File deploy\windows\install.ps1 -Uninstall
#>
#Requires -RunAsAdministrator
param([switch]$Gateway, [switch]$Uninstall)
$ErrorActionPreference = 'Stop'
$root = (Resolve-Path (Join-Path $PSScriptRoot '..\..')).Path
$tasks = [ordered]@{}
if ($Gateway -or $Uninstall) {
    $tasks['room-sync gateway'] = @('node.exe', 'gateway.mjs', (Join-Path $root 'deploy\gateway'))
}
$tasks['room-sync'] = @((Join-Path $root '.venv\Scripts\python.exe'), 'bot.py', $root)

foreach ($name in $tasks.Keys) {
    $program, $argument, $folder = $tasks[$name]
    if ($Uninstall) {
        if (Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue) {
            Stop-ScheduledTask -TaskName $name
            Unregister-ScheduledTask -TaskName $name -Confirm:$false
            Write-Output "$name is removed. / 已移除。"
        }
        continue
    }
    $found = Get-Command $program -ErrorAction SilentlyContinue
    if (-not $found) { throw "$program is missing. / 找不到 $program。" }
    $action = New-ScheduledTaskAction -Execute $found.Source -Argument $argument -WorkingDirectory $folder
    # A program that ends with an error is no failed task to Windows, so that nothing restarts it: it is begun each minute,
    # which is ignored while it runs.
    $triggers = @((New-ScheduledTaskTrigger -AtStartup),
        (New-ScheduledTaskTrigger -Once -At (Get-Date) -RepetitionInterval (New-TimeSpan -Minutes 1)))
    $settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew `
        -StartWhenAvailable -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
    # S4U: as the person who installs it, whether logged in or not, with no password kept.
    $who = New-ScheduledTaskPrincipal -UserId "$env:USERDOMAIN\$env:USERNAME" -LogonType S4U
    Register-ScheduledTask -TaskName $name -Action $action -Trigger $triggers `
        -Settings $settings -Principal $who -Force | Out-Null
    Start-ScheduledTask -TaskName $name
    Write-Output "$name runs. / 已启动。"
}
