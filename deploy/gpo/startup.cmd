@echo off
rem Computer Configuration > Policies > Windows Settings > Scripts > Startup:  startup.cmd \\server\share\argus
rem The folder holds argus-endpoint.msi, version (the one line 1.2.3, or 1.2.3.14: as the file was named) and token.
setlocal
set "from=%~1"
set "have="
set "want="
set "token="
if not exist "%from%\argus-endpoint.msi" exit /b 2
for /f "usebackq delims=" %%l in ("%from%\version") do set "want=%%l"
for /f "usebackq delims=" %%l in ("%from%\token") do set "token=%%l"
for /f "tokens=2,*" %%a in ('reg query "HKLM\SOFTWARE\Argus Endpoint" /v Version') do set "have=%%b"
if "%have%"=="%want%" exit /b 0
msiexec /i "%from%\argus-endpoint.msi" /qn /norestart TOKEN=%token%
exit /b %errorlevel%
