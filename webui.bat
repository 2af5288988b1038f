@echo off
rem Start Easel: find a Python 3.10 to 3.13 and give it launch.py with all arguments.
rem "set PYTHON=C:\path\to\python.exe" before this chooses another one.
setlocal
cd /d "%~dp0"
set "CHECK=import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))"

if defined PYTHON (
    "%PYTHON%" -c "%CHECK%" >nul 2>nul && goto chosen
)
for %%V in (3.11 3.12 3.13 3.10) do (
    py -%%V -c "%CHECK%" >nul 2>nul && (
        set "LAUNCHER=py -%%V"
        goto found
    )
)
python -c "%CHECK%" >nul 2>nul && (
    set "LAUNCHER=python"
    goto found
)
echo Easel needs Python 3.10 to 3.13, and none was found.
echo Install Python 3.11 from python.org with "Add python.exe to PATH" ticked, then start this again.
pause
exit /b 1

:chosen
"%PYTHON%" launch.py %*
goto end

:found
%LAUNCHER% launch.py %*

:end
set "CODE=%ERRORLEVEL%"
if not "%CODE%"=="0" pause
exit /b %CODE%
